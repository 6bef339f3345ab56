import { channel } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { ErrorCode } from '../shared/errors.ts'
import type { UpgradeRequest } from '../shared/upgrade-request.ts'
import type { ShardEvent } from './supervisor.ts'

/** `shardws:handshake:start`: a client asks for a connection, and nothing has been checked yet. */
export interface HandshakeStart {
  /** The same object as at the handshake's end. */
  readonly request: IncomingMessage
  /** The client's address, by `trustProxy`. */
  readonly ip: string
}

/** How an opening handshake has ended. */
export interface HandshakeResult {
  /** `abandoned`: the client has left. `lost`: it has its 101, and no shard could be given its socket. */
  readonly outcome: 'opened' | 'refused' | 'abandoned' | 'lost'
  /** What the client was answered, null for nothing or where somebody else has answered. */
  readonly status: number | null
  /** Why it was refused. */
  readonly code: ErrorCode | null
  /** Of the connection that is open now, and the shard that was given its socket. */
  readonly id: string | null
  readonly shard: number | null
}

/** `shardws:handshake:end`. */
export interface HandshakeEnd extends HandshakeStart, HandshakeResult {}

/**
 * The events of every server of the process, on channels of `node:diagnostics_channel`, for those who watch without being
 * part of the application. A channel without subscribers costs next to nothing.
 */
const HANDSHAKE_START = channel('shardws:handshake:start')
const HANDSHAKE_END = channel('shardws:handshake:end')
const CONNECTION = channel('shardws:connection')
const CLOSE = channel('shardws:close')
const ERROR = channel('shardws:error')
const SHARD = channel('shardws:shard')

export const diagnostics = {
  handshakeStart({ request, ip }: HandshakeStart): void {
    if (HANDSHAKE_START.hasSubscribers) HANDSHAKE_START.publish({ request, ip } satisfies HandshakeStart)
  },
  handshakeEnd({ request, ip }: HandshakeStart, result: HandshakeResult): void {
    if (HANDSHAKE_END.hasSubscribers) HANDSHAKE_END.publish({ request, ip, ...result } satisfies HandshakeEnd)
  },
  connection(id: string, request: UpgradeRequest): void {
    if (CONNECTION.hasSubscribers) CONNECTION.publish({ id, request })
  },
  close(id: string, code: number, reason: string): void {
    if (CLOSE.hasSubscribers) CLOSE.publish({ id, code, reason })
  },
  error(id: string | null, error: Error): void {
    if (ERROR.hasSubscribers) ERROR.publish({ id, error })
  },
  shard(event: ShardEvent): void {
    if (SHARD.hasSubscribers) SHARD.publish(event)
  },
}
