/** What `client-process-main.ts` is told first. */
export interface ClientJob {
  readonly port: number
  /** Another way to the same server. */
  readonly badPort: number
  readonly seed: string
  /** Path of its ledger. */
  readonly ledger: string
  readonly clients: number
  /** Its clients have greater ones. */
  readonly firstNumber: number
  readonly rooms: number
  readonly roomsPerClient: number
  readonly messagesPerSecond: number
  readonly changesPerSecond: number
}

export interface SyncedClient {
  readonly number: number
  readonly route: string
  readonly shard: number
}
