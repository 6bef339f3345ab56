import type { UpgradeRequest } from '../shared/upgrade-request.ts'
import type { ShutdownPlan } from './shutdown-options.ts'
import type { ShardEvent } from './supervisor.ts'

/** The events of a server; connections are known by id. */
export interface WebSocketServerEvents {
  /** A connection is open. Middleware and the handler of its route run after this, messages follow after those. */
  connection: [id: string, request: UpgradeRequest]
  /** `message` is a view on a larger buffer: copy it if you keep it for long. */
  message: [id: string, message: Buffer, isBinary: boolean]
  /** The last event of a connection. 1006: it ended without a closing handshake. */
  close: [id: string, code: number, reason: string]
  /** What went wrong with one connection, or with the server (null). Unheard errors are logged. */
  error: [id: string | null, error: Error]
  /** Everything queued has been written, after `send` returned false. */
  drain: [id: string]
  /** A broadcast was not queued for this connection, whose queue is full; `drain` tells when it has room again. */
  dropped: [id: string]
  /** A connection has joined a room. */
  'room:join': [id: string, room: string]
  /** A connection has left a room: by `leave`, by closing or with its shard. `close` follows in the latter cases. */
  'room:leave': [id: string, room: string]
  /** What a handler has posted with `socket.server.post`, a clone. */
  post: [message: unknown]
  /** A shard has started, stands still, runs again, has ended (`cause` says why) or is left alone for a while. */
  shard: [event: ShardEvent]
  /** A shutdown has begun: newcomers are refused from now on, open connections have been told nothing yet. */
  draining: [plan: ShutdownPlan]
}
