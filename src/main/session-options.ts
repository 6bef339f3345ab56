import { type Check, checkOptions, integer } from './option-checks.ts'

/** `sessions` in full. */
export interface SessionOptions {
  /** Milliseconds for which a session waits for its client, from the end of the connection on, 1 to 2^31 - 1. Default 120000. */
  readonly ttlMs?: number
  /** Sessions that wait, 1 to 10000000; with one more the oldest goes. Default 10000. */
  readonly max?: number
  /** Bytes of the sessions that wait, 1 to 2^53 - 1; with more the oldest go. Default 64 MiB. */
  readonly maxBytes?: number
  /** Bytes of one connection's `data`, serialized, 0 to 1 MiB; a session with more is not kept. Default 2048. */
  readonly maxDataBytes?: number
}

/** What outlives a connection. */
export interface SessionsOption {
  /**
   * Keeps rooms and `data` of a connection that was lost for the same client, if it asks for that: see `SessionOptions`. true
   * takes every default. Default false: nothing is kept.
   */
  sessions?: boolean | SessionOptions
}

export type ResolvedSessions = Required<SessionOptions>

export const SESSION_CHECKS: Readonly<Record<keyof SessionsOption, Check>> = {
  sessions: (value) =>
    typeof value === 'boolean' || (typeof value === 'object' && value !== null) ? null : 'true, false or an object',
}

const OPTION_CHECKS: Readonly<Record<keyof SessionOptions, Check>> = {
  ttlMs: integer(1, 2 ** 31 - 1),
  max: integer(1, 10_000_000),
  maxBytes: integer(1, Number.MAX_SAFE_INTEGER),
  maxDataBytes: integer(0, 1024 * 1024),
}

/** Null: there are none. @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function resolveSessions({ sessions = false }: SessionsOption): ResolvedSessions | null {
  if (sessions === false) return null
  const given = sessions === true ? {} : sessions
  checkOptions('options.sessions', OPTION_CHECKS, given)
  const { ttlMs = 120_000, max = 10_000, maxBytes = 64 * 1024 * 1024, maxDataBytes = 2048 } = given
  return { ttlMs, max, maxBytes, maxDataBytes }
}
