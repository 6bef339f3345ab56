/** What `getStats` counts. */
export interface PoolStats {
  /** Connections ever opened to the application. */
  readonly total: number
  /** Those that are open now. */
  readonly active: number
  /** Clients that were refused, by an HTTP status or, over `maxConnections` with `overload: 'close1013'`, by a close code. */
  readonly rejected: number
}
