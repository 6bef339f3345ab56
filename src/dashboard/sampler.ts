import type { ConnectionQueue } from '../main/longest-queues.ts'
import type { RoomActivity } from '../main/room-activity.ts'
import { Paced } from './paced.ts'
import { type Point, Reading, type Sample } from './sample.ts'
import type { WatchedServer } from './watched-server.ts'

/** With the default interval five minutes. */
export const MOST_POINTS = 300
/** Rows of each list. */
const MOST_ROWS = 10
/** A reading that is older by so many intervals says nothing about now. */
const FRESH_INTERVALS = 3

/** Somebody who looks. */
export interface Viewer {
  show(event: 'begin' | 'sample', value: object): void
  /** There will be nothing more to see. */
  end(): void
}

export interface Shown extends Sample {
  /** The largest rooms, and the longest queues; of a large server they may be a few seconds old. */
  readonly largest: readonly RoomActivity[]
  readonly queues: readonly ConnectionQueue[]
}

/** Looks at a server for everybody who looks at it, and not at all while nobody does. What it saw last it remembers. */
export class Sampler {
  readonly #server: WatchedServer
  readonly #sampleMs: number
  readonly #onError: (error: unknown) => void
  readonly #viewers = new Set<Viewer>()
  readonly #points: Point[] = []
  readonly #largest: Paced<readonly RoomActivity[]>
  readonly #queues: Paced<readonly ConnectionQueue[]>
  #timer: NodeJS.Timeout | undefined
  #reading: Reading | null = null
  #shown: Shown | null = null

  /** @param onError Hears why the server could not be looked at; then everybody is told that there is nothing to see. */
  constructor(server: WatchedServer, sampleMs: number, onError: (error: unknown) => void) {
    this.#server = server
    this.#sampleMs = sampleMs
    this.#onError = onError
    this.#largest = new Paced(() => server.rooms.activity(MOST_ROWS, 'largest'))
    this.#queues = new Paced(() => server.longestQueues(MOST_ROWS))
  }

  get viewers(): number {
    return this.#viewers.size
  }

  add(viewer: Viewer): void {
    this.#viewers.add(viewer)
    // The server is kept alive by its shards and sockets, not by who looks at it.
    this.#timer ??= setInterval(() => this.#guarded(() => this.#tick()), this.#sampleMs).unref()
    this.#guarded(() => {
      const isRecent = this.#reading !== null && this.#reading.ageMs < this.#sampleMs
      const latest = isRecent && this.#shown !== null ? this.#shown : this.#look()
      viewer.show('begin', { sampleMs: this.#sampleMs, points: this.#points, latest })
      // It has been shut down: a page that is open shall not keep the HTTP server from closing.
      if (!latest.live) this.remove(viewer)
    })
  }

  remove(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer)) return
    viewer.end()
    if (this.#viewers.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #tick(): void {
    const shown = this.#look()
    for (const viewer of [...this.#viewers]) {
      viewer.show('sample', shown)
      if (!shown.live) this.remove(viewer)
    }
  }

  #guarded(look: () => void): void {
    try {
      look()
    } catch (error) {
      this.#onError(error)
      for (const viewer of [...this.#viewers]) this.remove(viewer)
    }
  }

  #look(): Shown {
    const reading = new Reading(this.#server.stats(), this.#server.health())
    const before = this.#reading
    const isFresh = before !== null && before.ageMs < FRESH_INTERVALS * this.#sampleMs
    const sample = reading.since(isFresh ? before : null)
    this.#reading = reading
    this.#points.push(sample.point)
    if (this.#points.length > MOST_POINTS) this.#points.shift()
    this.#shown = { ...sample, largest: this.#largest.read(), queues: this.#queues.read() }
    return this.#shown
  }
}
