import { isUtf8 } from 'node:buffer'

/** The state between two characters: all text so far is complete and valid. */
export const UTF8_BOUNDARY = 0
export const UTF8_INVALID = -1

/** From this length on, in bytes, the native check wins over the loop below. */
const BULK_FROM = 64

// Inside a character the state is what may come next: continuation bytes missing, least and greatest next
// byte, one byte each. Only the byte after the first has narrower bounds than 80-BF (RFC 3629 §4), so
// overlong forms, surrogates and code points above 10FFFF fail at that byte.
const NEXT_1 = 0xbf8001
const NEXT_2 = 0xbf8002
const NEXT_3 = 0xbf8003
const AFTER_E0 = 0xbfa002
const AFTER_ED = 0x9f8002
const AFTER_F0 = 0xbf9003
const AFTER_F4 = 0x8f8003

/** Whether `bytes` is complete, valid UTF-8. */
export function isValidUtf8(bytes: Uint8Array): boolean {
  return isUtf8(bytes)
}

/**
 * Reads `bytes` from `start` to `end` on from `state` and returns the new state: a small integer that is
 * all there is to keep, `UTF8_BOUNDARY` at first. `UTF8_INVALID` as soon as no continuation could make
 * the text valid.
 */
export function advanceUtf8(state: number, bytes: Uint8Array, start: number, end: number): number {
  let at = start
  let next = state
  while (at < end && next > UTF8_BOUNDARY) next = step(next, bytes[at++] as number)
  if (next === UTF8_BOUNDARY && end - at >= BULK_FROM) {
    const boundary = lastCharacter(bytes, end)
    if (!isUtf8(bytes.subarray(at, boundary))) return UTF8_INVALID
    at = boundary
  }
  while (at < end && next !== UTF8_INVALID) next = step(next, bytes[at++] as number)
  return next
}

/** Where the last character begins if it is possibly incomplete, else `end`. */
function lastCharacter(bytes: Uint8Array, end: number): number {
  for (let at = end - 1; at >= end - 3; at -= 1) {
    const byte = bytes[at] as number
    if (byte >= 0xc0) return at
    if (byte < 0x80) return end
  }
  return end
}

function step(state: number, byte: number): number {
  if (state === UTF8_BOUNDARY) return byte < 0x80 ? UTF8_BOUNDARY : afterLead(byte)
  if (byte < ((state >> 8) & 0xff) || byte > state >> 16) return UTF8_INVALID
  const missing = (state & 0xff) - 1
  if (missing === 0) return UTF8_BOUNDARY
  return missing === 1 ? NEXT_1 : NEXT_2
}

function afterLead(byte: number): number {
  if (byte < 0xc2 || byte > 0xf4) return UTF8_INVALID
  if (byte < 0xe0) return NEXT_1
  if (byte < 0xf0) return byte === 0xe0 ? AFTER_E0 : byte === 0xed ? AFTER_ED : NEXT_2
  return byte === 0xf0 ? AFTER_F0 : byte === 0xf4 ? AFTER_F4 : NEXT_3
}

/** UTF-8 that arrives in parts. Fails at the first byte that cannot be valid, not at the end of its character. */
export class Utf8Validator {
  /** Everything this validator remembers; may be carried to another one. */
  state = UTF8_BOUNDARY

  /** Returns whether all bytes so far can still become valid UTF-8. */
  push(bytes: Uint8Array): boolean {
    this.state = advanceUtf8(this.state, bytes, 0, bytes.length)
    return this.state !== UTF8_INVALID
  }

  /** Returns whether the text is complete and valid. */
  finish(): boolean {
    return this.state === UTF8_BOUNDARY
  }

  reset(): void {
    this.state = UTF8_BOUNDARY
  }
}
