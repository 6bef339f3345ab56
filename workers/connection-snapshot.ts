import type { Agreement } from '../src/shared/protocol/permessage-deflate.ts'
import type { CompressionSnapshot } from './compression.ts'
import type { DeadlinesSnapshot } from './deadlines.ts'
import type { InboundSnapshot } from './inbound.ts'
import type { OutboundSnapshot } from './outbound.ts'
import type { PingsSnapshot } from './pings.ts'

/**
 * An open connection that neither side has begun to end, for another shard to go on with. Structured-cloneable; its byte
 * arrays own their memory. Times are durations, because every shard has its own clock.
 */
export interface ConnectionSnapshot {
  readonly agreement: Agreement | null
  readonly compression: CompressionSnapshot | null
  readonly deadlines: DeadlinesSnapshot
  readonly inbound: InboundSnapshot
  readonly outbound: OutboundSnapshot
  readonly pings: PingsSnapshot
}
