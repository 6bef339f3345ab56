import type { Work } from '../works.ts'
import type { Exchange } from './exchange.ts'
import type { Opening } from './opening.ts'
import type { Traffic } from './traffic.ts'

/** Where a load's connections go and whom they tell what they receive. */
export interface Endpoint {
  readonly port: number
  readonly opening: Opening
  readonly work: Work
  readonly traffic: Traffic
  readonly failed: (reason: string) => void
}

export interface Load {
  /** Resolves when one more connection is open. */
  connect(exchange: Exchange): Promise<void>
  /** All connections are open. */
  start(): void
}
