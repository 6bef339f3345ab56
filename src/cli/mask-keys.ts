import { randomFillSync } from 'node:crypto'

const KEYS = 1024

/** RFC 6455 §5.3: masking keys that nobody can predict, drawn many at a time: one draw costs more than one frame. */
export class MaskKeys {
  readonly #keys = new Int32Array(KEYS)
  #used = KEYS

  next(): number {
    if (this.#used === KEYS) {
      randomFillSync(this.#keys)
      this.#used = 0
    }
    this.#used += 1
    return this.#keys[this.#used - 1] as number
  }
}
