import { setImmediate as turn } from 'node:timers/promises'
import { ShardwsError, WebSocketServer } from '../../src/index.ts'
import { block } from '../fixtures/block.ts'
import { collectGarbage } from '../fixtures/collect-garbage.ts'
import { eventually } from '../fixtures/journal.ts'
import { openDescriptors, threadCount } from '../fixtures/process-resources.ts'
import { ShardOrders } from '../fixtures/shards/shard-orders.ts'
import { Random } from '../fuzz/random.ts'
import { MODELLED } from '../fuzz/servers.ts'
import { behaviour } from './behaviour.ts'
import type { Kill } from './chaos.ts'
import { machineMs } from './clock.ts'
import { answerWith } from './conversation.ts'
import { encode, Kind, MAIN, NO_ROOM, randomBody } from './message.ts'
import { breakMain, MUTANT } from './mutants.ts'
import type { AtRest, Hit, MainMessage, ServerBook } from './server-book.ts'

/** Between two looks at the gauges. */
const SAMPLE_MS = 250
const TICK_MS = 20
/** How long a shard may take to end and its successor to start, whatever the scenario's limit. */
const GIVE_UP_MS = 30_000
/** For a shard to hear what it is told. */
const OBEY_MS = 5000
const STALL_MS = 500
const KILL_MS = 1500
/** Where clients that behave and controls are. */
const HONEST_PATH = /^\/(?:shard|main)\/(\d+)$/
/** Of connections that were failed for what they have sent; or the code was their own. */
const VIOLATIONS = [1002, 1007, 1008, 1009]
/** What an obedient shard throws. */
const ORDERED = 'ordered to throw'

/** The server under test, alone in its process. */
class Subject {
  readonly #server: WebSocketServer
  readonly #orders = new ShardOrders()
  readonly #random: Random
  /** Numbers of the clients, by id. */
  readonly #numbers = new Map<string, number>()
  /** Closed for what they have sent, of those that are none of them. */
  #failedGuests = 0
  #sent: MainMessage[] = []
  #hits: Hit[] = []
  #evacuationsMs: number[] = []
  #faults: string[] = []
  #closes: Record<string, number> = {}
  #closeTimes: ServerBook['closes'][number][] = []
  #seq = 0
  #before: ReturnType<WebSocketServer['stats']>
  /** Members of rooms that had closed at the last look. */
  #ghosts = new Set<string>()
  #publishing: NodeJS.Timeout | undefined

  constructor(shards: number, seed: string) {
    breakMain(MUTANT)
    this.#random = new Random(seed)
    this.#server = new WebSocketServer({
      ...MODELLED,
      shards,
      execArgv: [],
      logLevel: 'error',
      logger: SILENT,
      shardUrl: new URL('./soak-shard.js', import.meta.url),
      stallMs: STALL_MS,
      killMs: KILL_MS,
      maxBackpressure: 4 * 1024 * 1024,
      compression: { mode: 'dedicated' },
      compressThreshold: 256,
      ...(MUTANT === 'impatient' && { pingIntervalMs: 300, livenessMs: 1000 }),
    })
    const server = this.#server
    server.setMaxListeners(0)
    server.route('/shard/:number', new URL('./soak.handler.js', import.meta.url))
    server.route('/main/:number', behaviour)
    server.route('*', new URL('../../workers/echo.handler.js', import.meta.url))
    server.on('connection', (id, { path }) => {
      const number = HONEST_PATH.exec(path)?.[1]
      if (number !== undefined) this.#numbers.set(id, Number(number))
    })
    server.on('close', (id, code, reason) => this.#onClose(id, code, reason))
    server.on('error', (id, error) => {
      const { code } = error as { code?: string }
      const isGuest = id !== null && !this.#numbers.has(id)
      const isOwnFault = code === 'TRANSPORT_FAILED' || (isGuest && error instanceof ShardwsError)
      // Of a shortage: what the client lacks, the books tell.
      const isShort = code === 'NOT_TRANSFERABLE' && error.message.includes('no descriptor')
      const isWanted = isOwnFault || isShort || error.message === ORDERED
      if (!isWanted) this.note(`error of ${id}: ${error.stack}`)
    })
    server.on('shard', ({ kind, shard }) => {
      if (kind === 'degraded') this.note(`shard ${shard} is degraded`)
    })
    this.#before = server.stats()
    setInterval(() => this.#sample(), SAMPLE_MS).unref()
  }

  #onClose(id: string, code: number, reason: string): void {
    const client = this.#numbers.get(id)
    if (client === undefined) {
      if (VIOLATIONS.includes(code)) this.#failedGuests++
      return
    }
    this.#numbers.delete(id)
    this.#closeTimes.push({ client, ms: machineMs() })
    const what = `${code} ${reason}`.trim()
    this.#closes[what] = (this.#closes[what] ?? 0) + 1
  }

  note(fault: string): void {
    if (this.#faults.length < 50) this.#faults.push(fault)
  }

  async listen(): Promise<number> {
    // libuv starts its threads when they are first needed.
    await Promise.all(Array.from({ length: 8 }, () => import('node:fs/promises').then(({ stat }) => stat('.'))))
    return (await this.#server.listen(0, '127.0.0.1')).port
  }

  async atRest(): Promise<AtRest> {
    await this.#collect()
    const { connections, rooms, memberships, queuedBytes, zombies } = this.#server.stats()
    const { rss: rssBytes, heapUsed, external } = process.memoryUsage()
    const openForMain = this.#server.getConnections().length
    const [threads, descriptors] = [threadCount(), openDescriptors().length]
    const heapBytes = heapUsed + external
    return {
      connections,
      openForMain,
      rooms,
      memberships,
      queuedBytes,
      zombies,
      threads,
      descriptors,
      rssBytes,
      heapBytes,
    }
  }

  /** What is left is in use, on every thread. */
  async #collect(): Promise<void> {
    // By its answer to the second order a shard has obeyed the first; and some memory goes with the second collection only.
    for (let pass = 0; pass < 2; pass++) {
      collectGarbage()
      for (const { shard } of this.#server.stats().shards) {
        await within(OBEY_MS, this.#orders.give({ act: 'collect', shard }))
      }
      await turn()
    }
  }

  /** A new round begins: the books are opened, and main publishes. */
  begin({ perSecond, rooms }: { perSecond: number; rooms: number }): void {
    this.#sent = []
    this.#hits = []
    this.#evacuationsMs = []
    this.#faults = []
    this.#closes = {}
    this.#closeTimes = []
    this.#failedGuests = 0
    this.#before = this.#server.stats()
    let lastMs = performance.now()
    let due = 0
    this.#publishing = setInterval(() => {
      const now = performance.now()
      due += Math.min(1, (now - lastMs) / 1000) * perSecond
      lastMs = now
      for (; due >= 1; due--) this.#publish(this.#random.below(rooms))
    }, TICK_MS)
  }

  async kill({ how, pick }: { how: Kill; pick: number }): Promise<void> {
    await this.#kill(how, pick, false)
  }

  async killInMove({ move, how, pick }: { move: 'reload' | 'rebalance'; how: Kill; pick: number }): Promise<void> {
    const moving = this.#server[move]()
    await this.#kill(how, pick, true)
    if (!(await within(GIVE_UP_MS, moving)))
      throw new Error(`${move} has not ended: ${JSON.stringify(this.#server.stats().shards)}`)
    await this.#whole(this.#server.health().shards.length)
  }

  async evacuate({ pick }: { pick: number }): Promise<void> {
    const shard = this.#pick(pick)
    const startMs = performance.now()
    const evacuated = this.#once((event) => event.kind === 'evacuated' && event.shard === shard)
    await this.#orders.give({ act: 'throw', shard })
    if (!(await within(GIVE_UP_MS, evacuated))) throw new Error(`shard ${shard} was not evacuated`)
    this.#evacuationsMs.push(Math.round(performance.now() - startMs))
  }

  async reload(): Promise<unknown> {
    return this.#server.reload()
  }

  async resize(shards: number): Promise<unknown> {
    const report = await this.#server.resize(shards)
    await this.#whole(shards)
    return report
  }

  async rebalance(): Promise<unknown> {
    return this.#server.rebalance()
  }

  /** Much at once, for those that do not read. */
  burst({ room, messages }: { room: number; messages: number }): void {
    const body = Buffer.alloc(64 * 1024 - 100, this.#random.bytes(1024))
    for (let count = 0; count < messages; count++) this.#publish(room, body)
  }

  /** Main has nothing more to say. */
  final(): void {
    clearInterval(this.#publishing)
    const header = { kind: Kind.Final, room: NO_ROOM, nonce: 0, publisher: MAIN, seq: ++this.#seq }
    this.#server.broadcast(encode(header, Buffer.alloc(0), false))
  }

  async directory(): Promise<[room: string, ids: string[]][]> {
    const rooms = Object.keys(await this.#server.rooms.list())
    return Promise.all(rooms.map(async (room) => [room, await this.#server.rooms.members(room)]))
  }

  book(): ServerBook {
    const [now, before] = [this.#server.stats(), this.#before]
    const drop = (name: 'slowConsumer' | 'backpressure' | 'link'): number => now.dropped[name] - before.dropped[name]
    const failed = now.errors.protocol - before.errors.protocol - this.#failedGuests
    if (failed > 0) this.note(`${failed} protocol errors of honest clients`)
    const handler = now.errors.handler - before.errors.handler - this.#evacuationsMs.length
    if (handler > 0) this.note(`${handler} handler errors`)
    return {
      sent: this.#sent,
      hits: this.#hits,
      evacuationsMs: this.#evacuationsMs,
      closes: this.#closeTimes,
      drops: { slowConsumer: drop('slowConsumer'), backpressure: drop('backpressure'), link: drop('link') },
      faults: this.#faults,
      counts: {
        connections: now.totalConnections - before.totalConnections,
        deaths: now.shardDeaths - before.shardDeaths,
        ...Object.fromEntries(Object.entries(this.#closes).map(([what, count]) => [`closed ${what}`, count])),
      },
    }
  }

  async shutdown(): Promise<void> {
    this.#orders.close()
    await this.#server.shutdown({ deadlineMs: 5000 })
    process.removeAllListeners('disconnect')
    // Behind the answer.
    setImmediate(() => process.disconnect())
  }

  #publish(room: number, body?: Buffer): void {
    const isText = body === undefined && this.#random.oneIn(2)
    const seq = ++this.#seq
    const header = { kind: Kind.Publish, room, nonce: seq * 7, publisher: MAIN, seq }
    const message = encode(header, body ?? randomBody(this.#random, isText), isText)
    const ms = machineMs()
    this.#sent.push({ seq, room, ms, isRefused: !this.#server.publish(`${room}`, message, !isText) })
  }

  /** Resolves when the shard is dead and its successor adopts connections. */
  async #kill(how: Kill, pick: number, isMoving: boolean): Promise<void> {
    const shard = this.#pick(pick)
    const fromMs = machineMs()
    const clients = this.#server.getConnections().filter((id) => this.#server.getConnection(id)?.shard === shard)
    const numbers = clients.flatMap((id) => this.#numbers.get(id) ?? [])
    let isDead = false
    void this.#once((event) => event.kind === 'exited' && event.shard === shard).then(() => {
      isDead = true
    })
    const obeyed = await within(OBEY_MS, this.#orders.give({ act: how, shard }))
    // A move may have ended before it heard of it, and with that the shard.
    if (!obeyed && isMoving) return
    if (!obeyed) throw new Error(`shard ${shard} did not obey`)
    // One that was told to end in any case is not said to have died.
    const isGone = (): boolean => !this.#server.stats().shards.some((each) => each.shard === shard)
    await eventually(`the death of shard ${shard}`, () => isDead || (isMoving && isGone()), GIVE_UP_MS)
    const exitedMs = machineMs()
    await this.#whole(this.#server.health().shards.length)
    const untilMs = machineMs()
    const times = { fromMs, untilMs, detectionMs: exitedMs - fromMs, recoveryMs: untilMs - exitedMs }
    this.#hits.push({ shard, how, ...times, isMoving, clients: isMoving ? null : numbers })
  }

  /** One of the shards that there are now. */
  #pick(pick: number): number {
    const { shards } = this.#server.stats()
    return shards[pick % shards.length]?.shard ?? 0
  }

  #once(isIt: (event: { kind: string; shard: number }) => boolean): Promise<true> {
    return new Promise((resolve) => {
      const look = (event: { kind: string; shard: number }): void => {
        if (!isIt(event)) return
        this.#server.off('shard', look)
        resolve(true)
      }
      this.#server.on('shard', look)
    })
  }

  /** Resolves when so many shards adopt connections. */
  #whole(shards: number): Promise<void> {
    const adopting = (): number => this.#server.health().shards.filter(({ state }) => state === 'adopting').length
    return eventually(`${shards} shards`, () => adopting() === shards, GIVE_UP_MS)
  }

  #sample(): void {
    const server = this.#server
    const { connections, queuedBytes, rooms, memberships, zombies, shards } = server.stats()
    const gauges = { connections, queuedBytes, rooms, memberships, zombies }
    for (const [name, value] of Object.entries(gauges)) if (value < 0) this.note(`${name} is ${value}`)
    for (const { shard, connections, queuedBytes } of shards) {
      if (connections < 0 || queuedBytes < 0)
        this.note(`shard ${shard}: ${connections} connections, ${queuedBytes} bytes`)
    }
    void this.#lookForGhosts()
  }

  async #lookForGhosts(): Promise<void> {
    const open = new Set(this.#server.getConnections())
    const ghosts = new Set<string>()
    for (const [room, ids] of await this.directory()) {
      for (const id of ids) if (!open.has(id)) ghosts.add(`${id} in ${room}`)
    }
    for (const ghost of ghosts) if (this.#ghosts.has(ghost)) this.note(`a member that has closed: ${ghost}`)
    this.#ghosts = ghosts
  }
}

async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const isDone = await Promise.race([work.then(() => true), late])
  clearTimeout(timer)
  return isDone
}

const ignore = (): void => {}
const SILENT = { error: ignore, warn: ignore, info: ignore, debug: ignore }

let subject: Subject
process.on('uncaughtException', (error) => subject?.note(`uncaughtException: ${error.stack}`))
process.on('unhandledRejection', (reason) => subject?.note(`unhandledRejection: ${(reason as Error)?.stack ?? reason}`))

answerWith({
  start: ({ shards, seed }: { shards: number; seed: string }) => {
    subject = new Subject(shards, seed)
    return subject.listen()
  },
  atRest: () => subject.atRest(),
  begin: (what: { perSecond: number; rooms: number }) => subject.begin(what),
  kill: (what: { how: Kill; pick: number }) => subject.kill(what),
  'kill-in-move': (what: { move: 'reload' | 'rebalance'; how: Kill; pick: number }) => subject.killInMove(what),
  evacuate: (what: { pick: number }) => subject.evacuate(what),
  reload: () => subject.reload(),
  resize: (shards: number) => subject.resize(shards),
  rebalance: () => subject.rebalance(),
  block,
  burst: (what: { room: number; messages: number }) => subject.burst(what),
  final: () => subject.final(),
  directory: () => subject.directory(),
  book: () => subject.book(),
  shutdown: () => subject.shutdown(),
})
