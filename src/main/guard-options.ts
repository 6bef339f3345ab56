import { ShardwsError } from '../shared/errors.ts'
import { isMessageSchema, type MessageSchema } from '../shared/message-validation.ts'
import { isCidr } from './cidr.ts'
import { type Check, checkOptions, integer, isObject, listOf, oneOf } from './option-checks.ts'

/** Called with an address and how far it is away: 0 is the TCP peer. */
export type TrustProxy = boolean | number | readonly string[] | ((address: string, hop: number) => boolean)

/** `connectionRate`: how many handshakes one address may begin. Off unless given. */
export interface ConnectionRate {
  /** Handshakes per `windowMs` of one IPv4 address or IPv6 /64, 1 to 1000000. */
  readonly perIp: number
  /** Milliseconds, 10 to 3600000. Default 60000. */
  readonly windowMs?: number
  /** Handshakes at once, 1 to 1000000. Default `perIp`. */
  readonly burst?: number
  /** Addresses kept in mind, 1 to 10000000, about 150 bytes each; past it the one longest unseen is forgotten. Default 65536. */
  readonly maxAddresses?: number
}

/** Who may connect from where, and what messages may be. Addresses are those that `trustProxy` finds. */
export interface GuardOptions {
  /**
   * Proxies whose `X-Forwarded-For` is believed: their addresses and CIDR ranges, how many there are (0 to 100), or a function of
   * an address and its distance (0: the TCP peer). `request.ip` is then the last address that none of them vouches for; if that
   * is malformed, the TCP peer's. true believes everybody, so a client can choose its address. Default false.
   */
  trustProxy?: TrustProxy
  /** IP addresses and CIDR ranges that may connect; others get 403. Empty: all. Default []. */
  allowIps?: readonly string[]
  /** IP addresses and CIDR ranges that get 403, also if `allowIps` holds them. Default []. */
  denyIps?: readonly string[]
  /** Connections and handshakes under way of one IPv4 address or IPv6 /64, 0 to 1048576; one more gets 429. 0 = unlimited. Default 0. */
  maxConnectionsPerIp?: number
  /** How many handshakes one address may begin; one more gets 429. Default: as many as it likes. */
  connectionRate?: ConnectionRate
  /**
   * What messages must be: any schema of Standard Schema v1 (Zod, Valibot, ArkType …) that answers at once. A message that is no
   * JSON text or does not match is not delivered. Default: anything.
   */
  validate?: MessageSchema
  /** What else such a message does: 'error' raises `error` with MESSAGE_INVALID, 'close' also closes with 1008. Default 'error'. */
  onInvalid?: 'error' | 'close'
}

export interface ResolvedGuards {
  readonly trustProxy: TrustProxy
  readonly allowIps: readonly string[]
  readonly denyIps: readonly string[]
  readonly maxConnectionsPerIp: number
  readonly connectionRate: Required<ConnectionRate> | null
  readonly validate: MessageSchema | null
  readonly onInvalid: 'error' | 'close'
}

const MAX_HOPS = 100

const isCidrs = listOf(isCidr, 'an array of IP addresses and CIDR ranges')

export const GUARD_CHECKS: Readonly<Record<keyof GuardOptions, Check>> = {
  trustProxy: (value) =>
    typeof value === 'boolean' ||
    typeof value === 'function' ||
    integer(0, MAX_HOPS)(value) === null ||
    isCidrs(value) === null
      ? null
      : `true or false, a number of proxies from 0 to ${MAX_HOPS}, an array of IP addresses and CIDR ranges or a function`,
  allowIps: isCidrs,
  denyIps: isCidrs,
  maxConnectionsPerIp: integer(0, 1_048_576),
  connectionRate: isObject('an object'),
  validate: (value) => (isMessageSchema(value) ? null : 'a schema of Standard Schema v1'),
  onInvalid: oneOf('error', 'close'),
}

const RATE_CHECKS: Readonly<Record<keyof ConnectionRate, Check>> = {
  perIp: integer(1, 1_000_000),
  windowMs: integer(10, 3_600_000),
  burst: integer(1, 1_000_000),
  maxAddresses: integer(1, 10_000_000),
}

/** @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function resolveGuards(options: GuardOptions): ResolvedGuards {
  return Object.freeze({
    trustProxy: options.trustProxy ?? false,
    allowIps: options.allowIps ?? [],
    denyIps: options.denyIps ?? [],
    maxConnectionsPerIp: options.maxConnectionsPerIp ?? 0,
    connectionRate: resolveRate(options.connectionRate),
    validate: options.validate ?? null,
    onInvalid: options.onInvalid ?? 'error',
  })
}

function resolveRate(given: ConnectionRate | undefined): Required<ConnectionRate> | null {
  if (given === undefined) return null
  checkOptions('options.connectionRate', RATE_CHECKS, given)
  const { perIp, windowMs = 60_000, burst = perIp, maxAddresses = 65_536 } = given
  if (perIp === undefined) {
    throw new ShardwsError(
      'OPTION_INVALID',
      'options.connectionRate.perIp is missing: the handshakes allowed per windowMs',
    )
  }
  return { perIp, windowMs, burst, maxAddresses }
}
