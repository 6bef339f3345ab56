import { setTimeout as after } from 'node:timers/promises'
import { Random } from '../fuzz/random.ts'
import type { ClientJob, SyncedClient } from './client-process.ts'
import { answerWith } from './conversation.ts'
import { LedgerWriter } from './ledger.ts'
import { Kind, NO_ROOM, randomBody } from './message.ts'
import { SoakClient } from './soak-client.ts'

/** Between two looks at what is due. */
const TICK_MS = 20
/** From a connection's end to the next attempt, at most. */
const RECONNECT_MS = 250

/** Clients of the soak in a process of their own, which may be killed at any time. */
class Crowd {
  readonly present = new Set<SoakClient>()
  readonly #job: ClientJob
  readonly #random: Random
  readonly #ledger: LedgerWriter
  readonly #timer: NodeJS.Timeout
  #lastNumber: number
  #opening = 0
  #isPublishing = false
  #isEnding = false
  #dueMessages = 0
  #dueChanges = 0
  #lastMs = performance.now()

  constructor(job: ClientJob) {
    this.#job = job
    this.#random = new Random(job.seed)
    this.#ledger = new LedgerWriter(job.ledger)
    this.#lastNumber = job.firstNumber
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  async fill(): Promise<void> {
    await Promise.all(Array.from({ length: this.#job.clients }, () => this.#open()))
  }

  publish(): void {
    this.#lastMs = performance.now()
    this.#isPublishing = true
  }

  reset(count: number): void {
    for (const client of this.#random.shuffled([...this.present]).slice(0, count)) client.reset()
  }

  reconnect(): void {
    for (const client of this.present) client.close()
  }

  /** Some read nothing for so long. Resolves when they are in the room. */
  async slow({ count, room, ms }: { count: number; room: number; ms: number }): Promise<number> {
    const chosen = this.#random.shuffled([...this.present]).slice(0, count)
    for (const client of chosen) client.join(room)
    await Promise.all(chosen.map((client) => client.sync()))
    for (const client of chosen) client.slow(ms)
    return chosen.length
  }

  /** No more messages and changes; resolves when everyone is back and has an answer to everything. */
  async sync(): Promise<SyncedClient[]> {
    this.#isPublishing = false
    while (this.#opening > 0) await after(TICK_MS)
    const synced = await Promise.all(
      [...this.present].map(async (client) => ({
        number: client.number,
        route: client.route,
        shard: await client.sync(),
      })),
    )
    return synced.flatMap(({ shard, ...client }) => (shard === null ? [] : [{ ...client, shard }]))
  }

  /** These say their last words. */
  final(numbers: readonly number[]): void {
    const chosen = [...this.present].filter(({ number }) => numbers.includes(number))
    this.#send(chosen.map((client) => client.prepare(Kind.Final, NO_ROOM, Buffer.alloc(0), true)))
  }

  /** Resolves with those that lack the last words of somebody. */
  async complete({ publishers, withinMs }: { publishers: number[]; withinMs: number }): Promise<number[]> {
    const lacking = new Set([...this.present].map(({ number }) => number))
    const all = [...this.present].map(async (client) => {
      if (await client.complete(publishers)) lacking.delete(client.number)
    })
    await Promise.race([Promise.all(all), after(withinMs, undefined, { ref: false })])
    return [...lacking]
  }

  /** Who is in which room, by what was acknowledged. */
  members(): [id: string, rooms: number[]][] {
    return [...this.present].map(({ id, rooms }) => [id, [...rooms]])
  }

  async end(): Promise<void> {
    this.#isEnding = true
    clearInterval(this.#timer)
    await Promise.all(
      [...this.present].map((client) => {
        const closed = new Promise<void>((resolve) => {
          client.onClosed = resolve
        })
        client.close()
        return closed
      }),
    )
    this.#ledger.close()
    process.disconnect()
  }

  async #open(): Promise<void> {
    const random = this.#random
    this.#opening++
    let client: SoakClient | null = null
    while (client === null && !this.#isEnding) {
      const number = ++this.#lastNumber
      const route = random.below(10) < 7 ? 'shard' : 'main'
      const port = random.oneIn(4) ? this.#job.badPort : this.#job.port
      client = await SoakClient.open({ port, number, route, isCompressed: random.oneIn(5) }, this.#ledger)
      if (client === null) await after(random.below(RECONNECT_MS))
    }
    this.#opening--
    if (client === null) return
    this.present.add(client)
    const opened = client
    client.onClosed = () => {
      this.present.delete(opened)
      // Known to be missing from now on.
      this.#opening++
      setTimeout(() => {
        this.#opening--
        if (!this.#isEnding) void this.#open()
      }, random.below(RECONNECT_MS))
    }
    for (let joins = 0; joins < this.#job.roomsPerClient; joins++) client.join(this.#zipfRoom())
  }

  #tick(): void {
    const now = performance.now()
    const seconds = Math.min(1, (now - this.#lastMs) / 1000)
    this.#lastMs = now
    if (this.#isPublishing && this.present.size > 0) {
      this.#dueMessages += seconds * this.#job.messagesPerSecond
      this.#dueChanges += seconds * this.#job.changesPerSecond
      const sends: (() => void)[] = []
      for (; this.#dueMessages >= 1; this.#dueMessages--) sends.push(this.#anyMessage())
      for (; this.#dueChanges >= 1; this.#dueChanges--) this.#change()
      this.#send(sends)
    }
    this.#ledger.flush()
  }

  /** What is sent is in the ledger before. */
  #send(sends: readonly (() => void)[]): void {
    this.#ledger.flush()
    for (const send of sends) send()
  }

  #anyMessage(): () => void {
    const random = this.#random
    const client = random.pick([...this.present])
    const isText = random.oneIn(2)
    const kind = random.weighted([
      [78, Kind.Publish],
      [20, Kind.Direct],
      [2, Kind.Broadcast],
    ])
    const body = kind === Kind.Broadcast ? Buffer.alloc(0) : randomBody(random, isText)
    const room = kind === Kind.Publish ? random.below(this.#job.rooms) : NO_ROOM
    const target = kind === Kind.Direct ? random.pick([...this.present]) : undefined
    return client.prepare(kind, room, body, isText, target)
  }

  #change(): void {
    const client = this.#random.pick([...this.present])
    // Its queue may be full: it would not hear whether it is in the room.
    if (client.isSlow) return
    if (client.rooms.size > 0) client.leave(this.#random.pick([...client.rooms]))
    client.join(this.#zipfRoom())
  }

  /** Room 0 is the largest, room n has one n-th as many members. */
  #zipfRoom(): number {
    const { rooms } = this.#job
    return this.#random.weighted(Array.from({ length: rooms }, (_, room) => [Math.ceil(1000 / (room + 1)), room]))
  }
}

let crowd: Crowd
answerWith({
  start: (job: ClientJob) => {
    crowd = new Crowd(job)
    return crowd.fill()
  },
  publish: () => crowd.publish(),
  reset: (count: number) => crowd.reset(count),
  reconnect: () => crowd.reconnect(),
  slow: (how: { count: number; room: number; ms: number }) => crowd.slow(how),
  sync: () => crowd.sync(),
  final: (numbers: number[]) => crowd.final(numbers),
  complete: (what: { publishers: number[]; withinMs: number }) => crowd.complete(what),
  members: () => crowd.members(),
  end: () => void setImmediate(() => crowd.end()),
})
