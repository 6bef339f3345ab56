import type { ConnectionTable } from '../src/shared/connection-table.ts'
import type { CounterRow } from '../src/shared/counters.ts'
import type { ShardOptions } from '../src/shared/messages.ts'
import type { ParserLimits } from '../src/shared/protocol/frame-parser.ts'
import type { Clock } from './clock.ts'
import type { Compression } from './compression.ts'
import type { MainLink } from './main-link.ts'
import type { Outbox } from './outbox.ts'

/** What a connection shares with the others of its shard. */
export interface ConnectionContext {
  readonly options: ShardOptions
  readonly limits: {
    readonly plain: ParserLimits
    /** Of connections that have agreed on compression. */
    readonly compressible: ParserLimits
  }
  readonly clock: Clock
  readonly counters: CounterRow
  readonly table: ConnectionTable
  readonly link: MainLink
  readonly outbox: Outbox
  readonly readBuffer: Buffer
  /** Null when compression is never agreed on. */
  readonly compression: Compression | null
  /** The shard holds more unsent bytes than `maxShardBackpressure`. */
  relieve(): void
}
