/** Lengths up to this, in bytes, are copied by vector moves everywhere. */
const SHORT = 2048
const ALIGNMENT_BITS = 15

/**
 * Copies all of `source` to `target` at `offset`.
 *
 * Above 2 KiB the C library copies with `rep movsb`, which on AMD's Zen cores is 18 times slower when the
 * source lies 1 to 15 bytes behind the target modulo a page. Stripping one header and adding another
 * leads exactly there: 16 KiB took 4.7 µs instead of 0.26. Copies that do not share their alignment
 * therefore go in parts short enough for vector moves (0.6 µs).
 */
export function copyBytes(source: Uint8Array, target: Uint8Array, offset: number): void {
  const { length } = source
  if (length <= SHORT || isCongruent(source.byteOffset, target.byteOffset + offset)) {
    target.set(source, offset)
    return
  }
  for (let at = 0; at < length; at += SHORT) target.set(source.subarray(at, at + SHORT), offset + at)
}

/** Where in a fresh buffer bytes that lie at `byteOffset` are copied to at full speed: 0 to 15. */
export function congruentOffset(byteOffset: number): number {
  return byteOffset & ALIGNMENT_BITS
}

function isCongruent(a: number, b: number): boolean {
  return ((a ^ b) & ALIGNMENT_BITS) === 0
}
