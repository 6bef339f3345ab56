import type { RequestFields } from '../src/shared/upgrade-request.ts'

/** What a handler knows of a connection, on its way to another shard. All of it can be cloned. */
export interface SocketSnapshot {
  readonly module: number
  readonly request: Omit<RequestFields, 'user'>
  readonly user: unknown
  readonly data: unknown
  /** Null: never asked for. */
  readonly metadata: Record<string, unknown> | null
  /** What the application has set on the socket itself. */
  readonly properties: Record<string, unknown>
  /** Null: it has none. */
  readonly session: { readonly identity: string; readonly isRecovered: boolean } | null
  /** What the handler's `detach` has returned. */
  readonly state: unknown
  readonly moves: number
}
