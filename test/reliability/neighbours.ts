import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import type { RowServer } from './row-server.ts'

/** Between two messages of a neighbour: often enough to notice, seldom enough to be no load. */
const EVERY_MS = 2

/** A well-behaved connection on each shard, whose numbered messages must come back in order whatever else happens. */
export class Neighbours {
  readonly #all: readonly Neighbour[]

  private constructor(all: readonly Neighbour[]) {
    this.#all = all
  }

  static async join(server: RowServer): Promise<Neighbours> {
    const { shards } = (await server.seen()).stats
    const all: Neighbour[] = []
    // One after the other: each goes to the shard that has none.
    for (const { shard } of shards) all.push(await Neighbour.join(server, `/neighbour-${shard}`))
    const { opened } = await server.until('all neighbours', (seen) => seen.opened.length >= all.length)
    const taken = new Set(opened.map(({ shard }) => shard))
    if (taken.size < shards.length) throw new Error('two neighbours are on the same shard')
    return new Neighbours(all)
  }

  get count(): number {
    return this.#all.length
  }

  async stop(t: Test): Promise<void> {
    for (const neighbour of this.#all) {
      const { echoed, longestMs, failure } = await neighbour.stop()
      t.equal(failure, null, `a neighbour echoed ${echoed} in order, ${longestMs.toFixed(1)} ms at most`)
      t.ok(echoed > 0)
    }
  }
}

class Neighbour {
  readonly #client: RawClient
  readonly #ended: Promise<void>
  #isStopped = false
  #echoed = 0
  #longestMs = 0
  #failure: string | null = null

  private constructor(client: RawClient) {
    this.#client = client
    this.#ended = this.#echo().catch((error: Error) => {
      this.#failure = error.message
    })
  }

  static async join({ port }: RowServer, path: string): Promise<Neighbour> {
    return new Neighbour(await RawClient.connect({ port, path, deadlineMs: 20_000 }))
  }

  async stop(): Promise<{ echoed: number; longestMs: number; failure: string | null }> {
    this.#isStopped = true
    await this.#ended
    return { echoed: this.#echoed, longestMs: this.#longestMs, failure: this.#failure }
  }

  async #echo(): Promise<void> {
    while (!this.#isStopped) {
      const sentMs = performance.now()
      this.#client.sendFrame({ opcode: RawOpcode.Text, payload: `${this.#echoed}` })
      const text = (await this.#client.nextMessage()).payload.toString()
      if (text !== `${this.#echoed}`) throw new Error(`${text} instead of ${this.#echoed}`)
      this.#longestMs = Math.max(this.#longestMs, performance.now() - sentMs)
      this.#echoed++
      await pause(EVERY_MS)
    }
  }
}
