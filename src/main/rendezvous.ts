/**
 * Rendezvous hashing: of `count` seats the one whose score for this key is highest. A score depends on the key and on that
 * seat only. So with one seat more, the keys that move are those for which it now scores highest, 1 in `count + 1`, and all
 * of them move to it; with one fewer, only the keys of the last seat move. Costs a few nanoseconds per seat and code unit.
 */
export function rendezvous(key: string, count: number): number {
  const hash = hashText(key)
  let chosen = 0
  let highest = -1
  for (let seat = 0; seat < count; seat++) {
    // No two seats of a key score the same: `mix` is a bijection of 32 bits, and an odd factor is one too.
    const score = mix(hash ^ Math.imul(seat + 1, 0x9e3779b1))
    if (score <= highest) continue
    highest = score
    chosen = seat
  }
  return chosen
}

/** 32-bit FNV-1a over the two bytes of every UTF-16 code unit. Its low bits are weak, so `mix` comes after it. */
function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193)
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193)
  }
  return mix(hash)
}

/** The 32-bit finalizer of MurmurHash3: every bit of the input changes half of those of the output. Unsigned. */
function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
