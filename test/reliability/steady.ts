import { type Joined, nextText, sendText } from '../fixtures/engine-under-test.ts'

const EVERY_MS = 5

/** Echoes in order and without a gap for as long as the test lasts. */
export class Steady {
  echoed = 0
  readonly #joined: Joined
  readonly #ended: Promise<void>
  #isOver = false

  constructor(joined: Joined) {
    this.#joined = joined
    this.#ended = this.#echo()
    // Whoever stops it hears of it.
    this.#ended.catch(() => {})
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#ended
  }

  async #echo(): Promise<void> {
    const { client } = this.#joined
    while (!this.#isOver) {
      sendText(client, `${this.echoed}`)
      const text = await nextText(client)
      if (text !== `${this.echoed}`) throw new Error(`${text} instead of ${this.echoed}`)
      this.echoed++
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
    }
  }
}
