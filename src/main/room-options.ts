import { ShardwsError } from '../shared/errors.ts'
import type { Socket } from '../shared/socket.ts'
import { type Check, integer, isFunction, isObject } from './option-checks.ts'

/** Somebody has come into a room or left it. */
export interface Presence {
  /** What has happened. */
  readonly kind: 'join' | 'leave'
  /** The name of the room. */
  readonly room: string
  /** Who has come or left. */
  readonly socket: Socket
  /** Members of the room now. */
  readonly size: number
}

/** What the others in the room are sent about it; null: nothing. */
export type PresenceNotice = (presence: Presence) => string | Uint8Array | null

/** Where the past of rooms is kept: the server keeps nothing of it itself. What the functions throw or reject with is an `error`. */
export interface RoomHistory {
  /** Hears of everything that main publishes, once for each room, before it is sent; what handlers in the shards publish does not pass main. */
  record?(room: string, message: string | Uint8Array, isBinary: boolean): unknown
  /**
   * What a connection that has just joined is sent, oldest first, up to the first message that `send` refuses. It is sent
   * before everything that is published later; if this is a promise, once it is fulfilled, be there newer messages by then or not.
   */
  replay?(room: string, socket: Socket): Replay | Promise<Replay>
}

/** Messages of the past, oldest first. */
export type Replay = Iterable<string | Uint8Array>

/** What rooms do by themselves. */
export interface RoomOptions {
  /**
   * Tells the other members of a room who comes and goes. true: as the text
   * `{"type":"user-joined","room":"red","userCount":2}`, or `"user-left"`; a function makes another message of it, or none.
   * It costs a publish for each join and leave. Default false.
   */
  presence?: boolean | PresenceNotice
  /** Where the past of rooms is kept. Default: nowhere. */
  history?: RoomHistory
  /** Keys of `coalesceMs` with a window at a time, 1 to 1000000; the messages of one more are sent at once. Default 10000. */
  maxCoalescedKeys?: number
}

export interface ResolvedRoomOptions {
  readonly presence: PresenceNotice | null
  readonly history: RoomHistory
}

export const ROOM_CHECKS: Readonly<Record<keyof RoomOptions, Check>> = {
  presence: (value) => (typeof value === 'boolean' ? null : isFunction(value) && 'true, false or a function'),
  history: isObject('an object'),
  maxCoalescedKeys: integer(1, 1_000_000),
}

/** @throws ShardwsError OPTION_INVALID */
export function resolveRooms({ presence, history = {} }: RoomOptions): ResolvedRoomOptions {
  for (const name of ['record', 'replay'] as const) {
    const hook = history[name]
    // The object may be one of a class with more in it.
    if (hook !== undefined && typeof hook !== 'function')
      throw new ShardwsError('OPTION_INVALID', `options.history.${name} must be a function`)
  }
  const notice = typeof presence === 'function' ? presence : presence === true ? presenceText : null
  return Object.freeze({ presence: notice, history })
}

function presenceText({ kind, room, size }: Presence): string {
  return JSON.stringify({ type: kind === 'join' ? 'user-joined' : 'user-left', room, userCount: size })
}
