/** A seeded source of decisions: the same seed gives the same decisions on every Node. */
export class Random {
  #state: number

  /** @param seed any text; texts that differ give sequences that have nothing to do with each other. */
  constructor(seed: string) {
    this.#state = hash(seed)
  }

  /** From 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit)
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T
  }

  /** Rows of a weight and what it stands for. */
  weighted<T>(rows: readonly (readonly [weight: number, choice: T])[]): T {
    let left = this.below(rows.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, choice] of rows) {
      left -= weight
      if (left < 0) return choice
    }
    throw new Error('no rows')
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }

  times<T>(count: number, make: (index: number) => T): T[] {
    return Array.from({ length: count }, (_, index) => make(index))
  }

  shuffled<T>(list: readonly T[]): T[] {
    const copy = [...list]
    for (let at = copy.length - 1; at > 0; at -= 1) {
      const other = this.below(at + 1)
      const kept = copy[at] as T
      copy[at] = copy[other] as T
      copy[other] = kept
    }
    return copy
  }

  /** mulberry32, public domain. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** FNV-1a, then mixed once more, because neighbouring sessions differ in their last digit only. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193)
  return Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
}
