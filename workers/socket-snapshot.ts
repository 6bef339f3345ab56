import type { RequestFields } from '../src/shared/upgrade-request.ts'
import type { ShardSocket } from './shard-socket.ts'

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

/** @param state What `detach` has returned. */
export function snapshotOf(socket: ShardSocket, module: number, state: unknown): SocketSnapshot {
  const { user, ...request } = socket.request
  const { id: _id, key: _key, request: _request, handler: _handler, connection: _connection, ...own } = socket
  const { data, moves, ...properties } = own as { data: unknown; moves: number } & Record<string, unknown>
  const { ownMetadata: metadata, session: known } = socket
  const session = known && { identity: known.identity, isRecovered: known.isRecovered }
  return { module, request, user, data, metadata, properties, session, state, moves }
}
