import { viewOf } from './byte-view.ts'

/**
 * From this length on, in bytes, 64-bit words pay for the BigInt that holds the key. Only V8 13 and later
 * (Node 24) keep BigInt arithmetic in registers: 16 KiB take 0.7 µs there against 2.1 by 32-bit words,
 * while V8 11 and 12 allocate every intermediate value and need 40 µs.
 */
const WIDE_FROM = Number.parseInt(process.versions.v8, 10) >= 13 ? 512 : Number.POSITIVE_INFINITY

/**
 * Bytes at the end of the memory that are never read as words: V8 13.6 (Node 24) takes a word that ends in
 * the last ones to be out of bounds, and from then on all DataView access here is five times slower.
 */
const UNSAFE_TAIL = 16

/** The bits that are clear in every byte of ASCII text. */
const NON_ASCII_BITS = 0x80808080 | 0

/** The four bytes of a masking key as one number, first byte lowest: what `unmask` takes. */
export function maskKeyOf(bytes: Uint8Array, offset = 0): number {
  return (
    (bytes[offset] as number) |
    ((bytes[offset + 1] as number) << 8) |
    ((bytes[offset + 2] as number) << 16) |
    ((bytes[offset + 3] as number) << 24)
  )
}

/** RFC 6455 §5.3: masks or unmasks `bytes` from `start` to `end` in place; `phase` payload bytes came before `start`. */
export function unmask(bytes: Uint8Array, start: number, end: number, key: number, phase: number): void {
  xorRange(viewOf(bytes), bytes.byteOffset + start, bytes.byteOffset + end, rotateKey(key, phase))
}

/** `key` as it applies `phase` bytes further on. */
export function rotateKey(key: number, phase: number): number {
  const shift = (phase & 3) << 3
  return shift === 0 ? key : (key >>> shift) | (key << (32 - shift))
}

/**
 * XORs `view` from `start` to `end` with `key`. Returns whether the result is known to be ASCII, which a
 * short text then need not be asked for again; `false` says nothing.
 *
 * A DataView needs no alignment: it is as fast as an Int32Array over the same memory and, without the
 * bytes before the first whole word, faster than a byte loop from 8 bytes on.
 */
export function xorRange(view: DataView, start: number, end: number, key: number): boolean {
  const safeEnd = view.byteLength - UNSAFE_TAIL
  // A multiple of four bytes on, so that the key is in phase.
  const wordsEnd = end <= safeEnd ? end : start + (Math.max(0, safeEnd - start) & ~3)
  let seen = wordsEnd < end ? xorBytes(view, wordsEnd, end, key) : 0
  if (wordsEnd - start >= WIDE_FROM) {
    xorWide(view, start, wordsEnd, key)
    return false
  }
  seen |= xorWords(view, start, wordsEnd, key)
  return (seen & NON_ASCII_BITS) === 0
}

function xorBytes(view: DataView, start: number, end: number, key: number): number {
  let seen = 0
  let rest = key
  for (let at = start; at < end; at += 1) {
    const byte = view.getUint8(at) ^ (rest & 0xff)
    view.setUint8(at, byte)
    seen |= byte
    rest = rotateKey(rest, 1)
  }
  return seen
}

/** Returns all resulting words and bytes OR-ed together. The rest after the loop has a size of five bits: no loop. */
function xorWords(view: DataView, start: number, end: number, key: number): number {
  const rest = (end - start) & 31
  const loopEnd = end - rest
  let seen = 0
  let at = start
  for (; at < loopEnd; at += 32) seen |= xorFour(view, at, key) | xorFour(view, at + 16, key)
  if ((rest & 16) !== 0) {
    seen |= xorFour(view, at, key)
    at += 16
  }
  if ((rest & 8) !== 0) {
    seen |= xorOne(view, at, key) | xorOne(view, at + 4, key)
    at += 8
  }
  if ((rest & 4) !== 0) {
    seen |= xorOne(view, at, key)
    at += 4
  }
  let tailKey = key
  if ((rest & 2) !== 0) {
    const pair = view.getUint16(at, true) ^ (tailKey & 0xffff)
    view.setUint16(at, pair, true)
    seen |= pair
    at += 2
    tailKey >>>= 16
  }
  if ((rest & 1) !== 0) {
    const byte = view.getUint8(at) ^ (tailKey & 0xff)
    view.setUint8(at, byte)
    seen |= byte
  }
  return seen
}

/** Four words, all read before the first is written, so that the loads need not wait for the stores. */
function xorFour(view: DataView, at: number, key: number): number {
  const a = view.getInt32(at, true) ^ key
  const b = view.getInt32(at + 4, true) ^ key
  const c = view.getInt32(at + 8, true) ^ key
  const d = view.getInt32(at + 12, true) ^ key
  view.setInt32(at, a, true)
  view.setInt32(at + 4, b, true)
  view.setInt32(at + 8, c, true)
  view.setInt32(at + 12, d, true)
  return a | b | c | d
}

function xorOne(view: DataView, at: number, key: number): number {
  const word = view.getInt32(at, true) ^ key
  view.setInt32(at, word, true)
  return word
}

function xorWide(view: DataView, start: number, end: number, key: number): void {
  const half = BigInt(key >>> 0)
  const wide = BigInt.asIntN(64, (half << 32n) | half)
  let at = start
  for (; at + 31 < end; at += 32) {
    view.setBigInt64(at, BigInt.asIntN(64, view.getBigInt64(at, true) ^ wide), true)
    view.setBigInt64(at + 8, BigInt.asIntN(64, view.getBigInt64(at + 8, true) ^ wide), true)
    view.setBigInt64(at + 16, BigInt.asIntN(64, view.getBigInt64(at + 16, true) ^ wide), true)
    view.setBigInt64(at + 24, BigInt.asIntN(64, view.getBigInt64(at + 24, true) ^ wide), true)
  }
  xorWords(view, at, end, key)
}
