import { performance } from 'node:perf_hooks'
import { MessageChannel } from 'node:worker_threads'
import type { ConnectionKey } from '../shared/connection-key.ts'
import type { ConnectionTable } from '../shared/connection-table.ts'
import { Counter, type CounterRow, type Counters } from '../shared/counters.ts'
import { allocateCredit, COMMAND_WINDOW_MESSAGES } from '../shared/credit.ts'
import { ShardwsError } from '../shared/errors.ts'
import type { Handler } from '../shared/handler.ts'
import { createGiver } from '../shared/handoff/handoff.ts'
import type { Giver, Returned } from '../shared/handoff/strategy.ts'
import { MemoryPressure } from '../shared/memory-pressure.ts'
import type { Handled, ShardTask } from '../shared/messages.ts'
import type { Agreement } from '../shared/protocol/permessage-deflate.ts'
import type { RoomInterest } from '../shared/room-interest.ts'
import type { StrategyName } from '../shared/ticket.ts'
import type { HandlerModules } from './handler-modules.ts'
import type { ResolvedOptions } from './options.ts'
import { RemoteSocket } from './remote-socket.ts'
import type { Greeting } from './session-offer.ts'
import { ShardLink } from './shard-link.ts'
import { type ReportingShard, type ShardObserver, ShardReports } from './shard-reports.ts'
import { type ShardThread, startInProcess, startThread } from './shard-thread.ts'
import { SHARD_URL } from './shard-url.ts'
import { TrafficRates, trafficOf } from './traffic-rates.ts'

/** What a shard must know of the connection whose socket it is given; a `Handshake` is one. */
export interface Given {
  readonly key: ConnectionKey
  readonly agreement: Agreement | null
  readonly handler: object | null
  /** What the client is told first of all, null for nothing. */
  readonly greeting: Greeting | null
  /** For a handler in the shard, null for none. */
  readonly introduction: Handled | null
}

export interface ShardSetup {
  readonly options: ResolvedOptions
  readonly strategy: Promise<StrategyName>
  readonly table: ConnectionTable
  readonly counters: Counters
  readonly observer: ShardObserver<RunningShard>
  readonly interest: RoomInterest
  readonly modules: HandlerModules
  /** How many shards the shared memory has room for. */
  readonly rows: number
}

/** One life of one shard, from its start to its end. */
export class RunningShard implements ReportingShard {
  readonly index: number
  /** How many handler modules it was started with. */
  readonly moduleCount: number
  readonly link: ShardLink
  readonly rates: TrafficRates
  /** Fulfilled when the shard adopts connections; rejected with SHARD_START_FAILED if it never will. */
  readonly isReady: Promise<void>
  /** Fulfilled after a stop, rejected with the cause of a death. */
  readonly ended: Promise<void>
  /** It did not confirm a reservation in time; nothing is placed here until it says something. */
  isLate = false
  /** Its thread stands still, as far as the watchdog can see; nothing is placed here until it runs again. */
  isStalled = false
  readonly #giver: Giver
  readonly #thread: ShardThread
  readonly #row: CounterRow
  readonly #observer: ShardObserver<RunningShard>
  #isRunning = false
  #isAbandoned = false
  #assigned = 0
  #onReady: () => void = () => {}
  #onEmpty: () => void = () => {}
  #onAbandoned: (cause: ShardwsError) => void = () => {}

  static async start(index: number, setup: ShardSetup): Promise<RunningShard> {
    const { giver, setup: taker } = await createGiver(await setup.strategy)
    const { port1, port2 } = new MessageChannel()
    const credit = allocateCredit()
    const task: ShardTask = {
      index,
      port: port2,
      credit,
      counters: setup.counters.memory,
      connections: setup.table.memory,
      taker,
      interest: setup.interest.memory,
      modules: setup.modules.urls,
      opensGates: setup.options.accept !== 'attach',
      options: setup.options.shard,
    }
    const window = { messages: COMMAND_WINDOW_MESSAGES, bytes: setup.options.shard.maxShardBackpressure }
    const account = { memory: credit, end: 0, window } as const
    return new RunningShard(setup, task, giver, (shard) => {
      return new ShardLink(port1, account, new ShardReports(shard, setup.observer))
    })
  }

  private constructor(setup: ShardSetup, task: ShardTask, giver: Giver, link: (shard: RunningShard) => ShardLink) {
    const { options } = setup
    const url = options.shardUrl ?? SHARD_URL
    this.index = task.index
    this.moduleCount = task.modules.length
    this.#giver = giver
    giver.onReturned = (key, returned) => setup.observer.onReturned(key, returned)
    this.#row = setup.counters.row(task.index)
    this.#row.clearGauges()
    this.rates = new TrafficRates(
      performance.now(),
      trafficOf((counter) => this.#row.get(counter)),
    )
    this.#observer = setup.observer
    this.link = link(this)
    this.#thread = task.taker.strategy === 'local' ? startInProcess(task, url) : startThread(task, { ...options, url })
    const abandoned = new Promise<never>((_, reject) => {
      this.#onAbandoned = reject
    })
    this.ended = Promise.race([this.#thread.ended, abandoned]).finally(() => {
      this.#isRunning = false
    })
    this.isReady = this.#becomeReady(options.shardReadyTimeoutMs)
    // Both are awaited by the supervisor; nobody else has to.
    this.ended.catch(() => {})
    this.isReady.catch(() => {})
  }

  /** Connections and handshakes placed here. */
  get assigned(): number {
    return this.#assigned
  }

  set assigned(count: number) {
    this.#assigned = count
    if (count === 0) this.#onEmpty()
  }

  /** Fulfilled when nothing is placed here any more. */
  isEmpty(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve
      if (this.#assigned === 0) resolve()
    })
  }

  /** Whether it takes what was placed here. */
  get isAdopting(): boolean {
    return this.#isRunning && !this.isLate && !this.isStalled
  }

  /** Whether it has become ready, and neither ended nor been told to. */
  get isRunning(): boolean {
    return this.#isRunning
  }

  /** Grows for as long as its thread runs. */
  get beats(): number {
    return this.#row.get(Counter.BEATS)
  }

  /** Whether more may be placed here. */
  get canTake(): boolean {
    return this.isAdopting && this.#row.get(Counter.MEMORY_PRESSURE) < MemoryPressure.NO_PLACEMENT
  }

  /** Open connections as the shard counts them. */
  get connections(): number {
    return this.#row.get(Counter.CONNECTIONS)
  }

  /** Of all its connections together, not yet taken by the kernel. */
  get queuedBytes(): number {
    return this.#row.get(Counter.QUEUED_BYTES)
  }

  /** @throws ShardwsError NOT_TRANSFERABLE; `socket` is untouched then. */
  give(socket: Parameters<Giver['give']>[0], head: Buffer, given: Given): void {
    const { key, agreement, handler, introduction } = given
    const isWatched = introduction === null && hearsPings(handler as Handler | null)
    const greeting = given.greeting?.message ?? null
    const post: Parameters<Giver['give']>[1] = (ticket, transfer) => {
      // A copy: `head` may be a view on a pool that other views share.
      const bytes = head.length === 0 ? null : new Uint8Array(head)
      this.link.adopt(
        { kind: 'adopt', key, head: bytes, agreement, isWatched, greeting, handled: introduction, ticket },
        transfer,
      )
    }
    if (socket instanceof RemoteSocket) socket.passOn(post)
    else this.#giver.give(socket, post)
  }

  /** Gives this shard what another one has given back. */
  forward(key: ConnectionKey, returned: Returned): void {
    returned.passTo(this.#giver, (ticket, transfer) => this.link.forward({ kind: 'forward', key, ticket }, transfer))
  }

  /** Asks the shard to end; its open connections are destroyed. */
  stop(): void {
    this.#isRunning = false
    this.link.stop()
  }

  /** From now on it has ended, whatever its thread is doing. */
  abandon(cause: ShardwsError): void {
    this.#isAbandoned = true
    this.#onAbandoned(cause)
  }

  /** Ends the shard, whatever it is doing, and frees what main holds for it. Resolves when its thread is gone. */
  async destroy(): Promise<void> {
    this.#isRunning = false
    this.#giver.close()
    this.link.cut()
    this.#row.clearGauges()
    await this.#thread.destroy()
  }

  /** It adopts connections. */
  ready(): void {
    // It may have said before that it is of no use.
    if (this.#isAbandoned) return
    this.#isRunning = true
    this.#onReady()
  }

  /** Whatever it says, a shard that says something is not blocked any more. */
  awake(): void {
    if (!this.isLate) return
    this.isLate = false
    this.#observer.onAwake()
  }

  #becomeReady(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => {
        clearTimeout(deadline)
        reject(new ShardwsError('SHARD_START_FAILED', `shard ${this.index} did not become ready: ${cause}`, { cause }))
      }
      const deadline = setTimeout(fail, timeoutMs, `no answer within ${timeoutMs} ms`)
      this.#onReady = () => {
        clearTimeout(deadline)
        resolve()
      }
      this.ended.then(() => fail('its task ended'), fail)
    })
  }
}

function hearsPings(handler: Handler | null): boolean {
  return handler?.ping !== undefined || handler?.pong !== undefined
}
