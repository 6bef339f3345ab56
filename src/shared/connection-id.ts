import type { ConnectionKey } from './connection-key.ts'

/** 64 random bits, so that an id cannot be guessed. */
export interface Nonce {
  readonly high: number
  readonly low: number
}

/** Key, so that it is unique, and nonce. */
export function formatConnectionId(key: ConnectionKey, { high, low }: Nonce): string {
  return `${key.toString(36)}-${(high >>> 0).toString(36)}${(low >>> 0).toString(36).padStart(7, '0')}`
}

/** The key that an id names, if it is one: the nonce is not looked at. */
export function keyOfConnectionId(id: string): ConnectionKey {
  return Number.parseInt(id, 36)
}
