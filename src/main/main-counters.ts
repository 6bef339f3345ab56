import type { ErrorCode } from '../shared/errors.ts'

/** The limits of an `outbox`. */
export type OutboxLimit = 'max' | 'maxBytes' | 'maxUsers' | 'ttlMs'

/** The limits of `sessions` that can be reached; `ttlMs` is no fault of anybody's. */
export type SessionLimit = 'max' | 'maxBytes' | 'maxDataBytes'

/** See `SessionStats`. */
export interface SessionCounters {
  expired: number
  refused: number
  unkept: number
  readonly evicted: Record<'max' | 'maxBytes', number>
}

/** Messages to users who are away. */
export interface OutboxCounters {
  kept: number
  delivered: number
  /** By the limit that cost them. */
  readonly dropped: Record<OutboxLimit, number>
}

/** What only the main thread counts. Totals since the server was made. */
export class MainCounters {
  /** Connections that reached the open state. */
  opened = 0
  /** Opening handshakes refused, by error code. */
  readonly rejected = new Map<ErrorCode, number>()
  /** Sends and broadcasts refused because a shard was too far behind. */
  refusedByLink = 0
  /** Sends refused because the connection was past `maxBackpressure`. */
  refusedByBackpressure = 0
  /** Times a connection was not read because the application had too much of it, by option. */
  readonly unprocessedPauses = { maxUnprocessedMessages: 0, maxUnprocessedBytes: 0 }
  /** Joins refused, by the option that did it; `link`: the shard was too far behind. */
  readonly refusedJoins = { maxRooms: 0, maxRoomsPerConnection: 0, maxRoomSize: 0, canJoin: 0, link: 0 }
  /** Messages that gave way to a later one within `coalesceMs`. */
  coalescedMessages = 0
  /** Messages sent at once for want of a window, by `maxCoalescedKeys`. */
  refusedWindows = 0
  /** Connections that could not identify, by `maxDevicesPerUser`. */
  refusedDevices = 0
  readonly outbox: OutboxCounters = { kept: 0, delivered: 0, dropped: { max: 0, maxBytes: 0, maxUsers: 0, ttlMs: 0 } }
  /** Connections that have resumed a session. */
  reconnections = 0
  readonly sessions: SessionCounters = { expired: 0, refused: 0, unkept: 0, evicted: { max: 0, maxBytes: 0 } }
  /** Clients that left before their handshake was answered. */
  abandoned = 0
  /** Clients that got their 101 and then could not be given to any shard. */
  lostInHandoff = 0
  /** Handshakes moved to another shard because the chosen one did not answer in time or died. */
  replaced = 0
  /** Messages that did not match `validate`. */
  invalidMessages = 0
  shardDeaths = 0
  /** Times the thread that accepts has died, or its successor could not listen. */
  acceptorDeaths = 0
  /** Shards whose connections have moved to a fresh one because they were not to be trusted. */
  evacuations = 0
  /** Times `autoRebalance` has moved connections. */
  rebalances = 0
  /** Times a shard stood still for `stallMs`, and for `killMs`. */
  shardStalls = 0
  shardKills = 0
  /** Connections that were not let in in time. */
  readonly timeouts = { MIDDLEWARE_TIMEOUT: 0, AUTH_TIMEOUT: 0 }
  /** Listeners of the application that threw or rejected. */
  handlerErrors = 0

  countRejected(code: ErrorCode): void {
    this.rejected.set(code, (this.rejected.get(code) ?? 0) + 1)
  }
}
