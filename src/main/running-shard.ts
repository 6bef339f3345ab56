import { performance } from 'node:perf_hooks'
import { MessageChannel } from 'node:worker_threads'
import type { ConnectionKey } from '../shared/connection-key.ts'
import type { ConnectionTable } from '../shared/connection-table.ts'
import { Counter, type CounterRow, type Counters } from '../shared/counters.ts'
import { allocateCredit, COMMAND_WINDOW_MESSAGES } from '../shared/credit.ts'
import { ShardwsError } from '../shared/errors.ts'
import type { EventHandler } from '../shared/events.ts'
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
import { ShardLink } from './shard-link.ts'
import { type ShardThread, startInProcess, startThread } from './shard-thread.ts'
import { SHARD_URL } from './shard-url.ts'
import { TrafficRates, trafficOf } from './traffic-rates.ts'

/** What the engine hears from its shards. */
export interface ShardObserver {
  /** A shard that was late has answered. */
  onAwake(): void
  onReserved(shard: RunningShard, key: ConnectionKey, mustJudge: boolean): void
  onJudged(shard: RunningShard, key: ConnectionKey, verdict: Buffer): void
  onJoined(shard: RunningShard, key: ConnectionKey, room: string): void
  onLeft(shard: RunningShard, key: ConnectionKey, room: string): void
  onIdentified(id: string, userId: string | null): void
  onSentToUser(userId: string, payload: Buffer, flags: number): void
  onPosted(value: Buffer): void
  onThrew(key: ConnectionKey, error: Buffer): void
  onLoaded(shard: RunningShard, module: number, error: Buffer): void
  /** A shard has given a socket back, for the one that the connection moves to. */
  onReturned(key: ConnectionKey, returned: Returned): void
  onPrepared(move: number, keys: readonly ConnectionKey[]): void
  onMovedOut(move: number, stayed: readonly ConnectionKey[]): void
  onArrived(move: number): void
  onFaltered(shard: RunningShard, cause: Buffer): void
  onKnocked(shard: RunningShard, visit: number, knock: Buffer): void
  onWithdrew(shard: RunningShard, visit: number): void
  onTurnedAway(code: string, why: string): void
  onAdmitted(shard: RunningShard, key: ConnectionKey, admitted: Buffer): void
  onCompute(shard: RunningShard, request: number, task: Buffer): void
  onReceived(key: ConnectionKey, payload: Buffer, isBinary: boolean): void
  onDrained(key: ConnectionKey): void
  onDropped(key: ConnectionKey): void
  onPinged(key: ConnectionKey, payload: Buffer): void
  onPonged(key: ConnectionKey, payload: Buffer): void
  onLimited(key: ConnectionKey, option: string): void
  onFailed(key: ConnectionKey, code: string, cause: string): void
  onClosed(shard: RunningShard, key: ConnectionKey, code: number, reason: string): void
}

/** What a shard must know of the connection whose socket it is given; a `Handshake` is one. */
export interface Given {
  readonly key: ConnectionKey
  readonly agreement: Agreement | null
  readonly handler: object | null
  /** For a handler in the shard, null for none. */
  readonly introduction: Handled | null
}

export interface ShardSetup {
  readonly options: ResolvedOptions
  readonly strategy: Promise<StrategyName>
  readonly table: ConnectionTable
  readonly counters: Counters
  readonly observer: ShardObserver
  readonly interest: RoomInterest
  readonly modules: HandlerModules
  /** How many shards the shared memory has room for. */
  readonly rows: number
}

/** One life of one shard, from its start to its end. */
export class RunningShard implements EventHandler {
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
  readonly #observer: ShardObserver
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
      options: setup.options.shard,
    }
    const window = { messages: COMMAND_WINDOW_MESSAGES, bytes: setup.options.shard.maxShardBackpressure }
    const account = { memory: credit, end: 0, window } as const
    return new RunningShard(setup, task, giver, (shard) => new ShardLink(port1, account, shard))
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
  give(socket: Parameters<Giver['give']>[0], head: Buffer, { key, agreement, handler, introduction }: Given): void {
    const isWatched = introduction === null && hearsPings(handler as Handler | null)
    const post: Parameters<Giver['give']>[1] = (ticket, transfer) => {
      // A copy: `head` may be a view on a pool that other views share.
      const bytes = head.length === 0 ? null : new Uint8Array(head)
      this.link.adopt(
        { kind: 'adopt', key, head: bytes, agreement, isWatched, handled: introduction, ticket },
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

  ready(): void {
    // It may have said before that it is of no use.
    if (this.#isAbandoned) return
    this.#isRunning = true
    this.#onReady()
  }

  reserved(key: ConnectionKey, mustJudge: boolean): void {
    if (this.isLate) this.#wake()
    this.#observer.onReserved(this, key, mustJudge)
  }

  judged(key: ConnectionKey, verdict: Buffer): void {
    this.#observer.onJudged(this, key, verdict)
  }

  joined(key: ConnectionKey, room: string): void {
    this.#observer.onJoined(this, key, room)
  }

  left(key: ConnectionKey, room: string): void {
    this.#observer.onLeft(this, key, room)
  }

  identified(id: string, userId: string | null): void {
    this.#observer.onIdentified(id, userId)
  }

  sentToUser(userId: string, payload: Buffer, flags: number): void {
    this.#observer.onSentToUser(userId, payload, flags)
  }

  posted(value: Buffer): void {
    this.#observer.onPosted(value)
  }

  threw(key: ConnectionKey, error: Buffer): void {
    this.#observer.onThrew(key, error)
  }

  prepared(move: number, keys: readonly ConnectionKey[]): void {
    this.#observer.onPrepared(move, keys)
  }

  movedOut(move: number, stayed: readonly ConnectionKey[]): void {
    this.#observer.onMovedOut(move, stayed)
  }

  compute(request: number, task: Buffer): void {
    this.#observer.onCompute(this, request, task)
  }

  knocked(visit: number, knock: Buffer): void {
    this.#observer.onKnocked(this, visit, knock)
  }

  withdrew(visit: number): void {
    this.#observer.onWithdrew(this, visit)
  }

  admitted(key: ConnectionKey, admitted: Buffer): void {
    this.#observer.onAdmitted(this, key, admitted)
  }

  turnedAway(code: string, why: string): void {
    this.#observer.onTurnedAway(code, why)
  }

  faltered(cause: Buffer): void {
    this.#observer.onFaltered(this, cause)
  }

  arrived(move: number): void {
    this.#observer.onArrived(move)
  }

  loaded(module: number, error: Buffer): void {
    this.#observer.onLoaded(this, module, error)
  }

  received(key: ConnectionKey, payload: Buffer, isBinary: boolean): void {
    if (this.isLate) this.#wake()
    this.#observer.onReceived(key, payload, isBinary)
  }

  drained(key: ConnectionKey): void {
    this.#observer.onDrained(key)
  }

  dropped(key: ConnectionKey): void {
    this.#observer.onDropped(key)
  }

  pinged(key: ConnectionKey, payload: Buffer): void {
    this.#observer.onPinged(key, payload)
  }

  ponged(key: ConnectionKey, payload: Buffer): void {
    this.#observer.onPonged(key, payload)
  }

  limited(key: ConnectionKey, option: string): void {
    this.#observer.onLimited(key, option)
  }

  failed(key: ConnectionKey, code: string, cause: string): void {
    this.#observer.onFailed(key, code, cause)
  }

  /** What the application answered to the last messages was posted while they were dispatched. */
  finished(key: ConnectionKey): void {
    this.link.conclude(key)
  }

  closed(key: ConnectionKey, code: number, reason: string): void {
    this.#observer.onClosed(this, key, code, reason)
  }

  /** Main's sends are refused past the window and `notifyDrain` tells when to go on: nobody waits for credit here. */
  credit(): void {}

  /** Whatever it says, a shard that says something is not blocked any more. */
  #wake(): void {
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
