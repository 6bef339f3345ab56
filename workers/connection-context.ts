import type { ConnectionTable } from '../src/shared/connection-table.ts'
import type { CounterRow } from '../src/shared/counters.ts'
import type { ShardOptions } from '../src/shared/messages.ts'
import type { ParserLimits } from '../src/shared/protocol/frame-parser.ts'
import { SpareMemory } from '../src/shared/protocol/spare-memory.ts'
import type { Clock } from './clock.ts'
import { Compression } from './compression.ts'
import type { MainLink } from './main-link.ts'
import { Outbox } from './outbox.ts'

/** One buffer for all reads of the shard: a connection that is silent holds none. */
const READ_BUFFER_BYTES = 64 * 1024

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
  /** Of long messages. */
  readonly memory: SpareMemory
  /** Null when compression is never agreed on. */
  readonly compression: Compression | null
  /** The shard holds more unsent bytes than `maxShardBackpressure`. */
  relieve(): void
}

/** What the shard brings along. */
type Parts = Pick<ConnectionContext, 'clock' | 'counters' | 'link' | 'relieve' | 'table'>

export function createConnectionContext(options: ShardOptions, parts: Parts): ConnectionContext {
  const { compression, maxCompressedSize, maxFragments, maxPayload } = options
  const memory = new SpareMemory()
  const plain = { maxPayload, maxCompressedSize, maxFragments, allowRsv1: false }
  return {
    ...parts,
    options,
    limits: { plain, compressible: { ...plain, allowRsv1: true } },
    memory,
    outbox: new Outbox(parts.counters, memory),
    readBuffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
    compression: compression && new Compression({ ...compression, maxPayload }),
  }
}
