import { MAX_SLOTS } from '../shared/connection-key.ts'
import { type Check, checkOptions, integer, isObject, oneOf } from './option-checks.ts'

/** `outbox`: what is kept for users who have no device open. Off unless given; `{}` takes every default. */
export interface OutboxOptions {
  /** Messages of one user, 1 to 10000. Default 100. */
  readonly max?: number
  /** What goes when one of the limits is reached: the oldest messages, or the new one, and `send` returns false. Default 'oldest'. */
  readonly drop?: 'oldest' | 'newest'
  /** Payload bytes of all users together, 1 to 2^53 - 1. Default 16 MiB. */
  readonly maxBytes?: number
  /** Users with messages, 1 to 10000000. Default 10000. */
  readonly maxUsers?: number
  /** Milliseconds after which a message is forgotten, 1 to 2^31 - 1. Default 3600000, one hour. */
  readonly ttlMs?: number
}

/** Who has several connections, and who has none for a while. */
export interface UserOptions {
  /** Connections that may identify as one user, 1 to 1048576; one more is refused by `identify`. Default 100. */
  maxDevicesPerUser?: number
  /** Keeps what `user(id).send` sends to a user without a connection until the next `identify`. Default: nothing is kept. */
  outbox?: OutboxOptions
}

export interface ResolvedUsers {
  readonly maxDevicesPerUser: number
  readonly outbox: Required<OutboxOptions> | null
}

export const USER_CHECKS: Readonly<Record<keyof UserOptions, Check>> = {
  maxDevicesPerUser: integer(1, MAX_SLOTS),
  outbox: isObject('an object'),
}

const OUTBOX_CHECKS: Readonly<Record<keyof OutboxOptions, Check>> = {
  max: integer(1, 10_000),
  drop: oneOf('oldest', 'newest'),
  maxBytes: integer(1, Number.MAX_SAFE_INTEGER),
  maxUsers: integer(1, 10_000_000),
  ttlMs: integer(1, 2 ** 31 - 1),
}

/** @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function resolveUsers({ maxDevicesPerUser = 100, outbox }: UserOptions): ResolvedUsers {
  return Object.freeze({ maxDevicesPerUser, outbox: outbox === undefined ? null : resolveOutbox(outbox) })
}

function resolveOutbox(given: OutboxOptions): Required<OutboxOptions> {
  checkOptions('options.outbox', OUTBOX_CHECKS, given)
  const { max = 100, drop = 'oldest', maxBytes = 16 * 1024 * 1024, maxUsers = 10_000, ttlMs = 3_600_000 } = given
  return { max, drop, maxBytes, maxUsers, ttlMs }
}
