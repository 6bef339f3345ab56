import type { BatchReader } from '../src/shared/batch.ts'
import type { CommandHandler, ConnectionCommand } from '../src/shared/commands.ts'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { ConnectionTable } from '../src/shared/connection-table.ts'
import { Counter, type CounterRow, Counters } from '../src/shared/counters.ts'
import { createTaker } from '../src/shared/handoff/handoff.ts'
import type { Taker } from '../src/shared/handoff/strategy.ts'
import type {
  Adopt,
  Arrive,
  Connect,
  Disconnect,
  DoorRules,
  Forward,
  OpenGate,
  ReceivedFanOut,
  ShardTask,
  TlsContexts,
} from '../src/shared/messages.ts'
import { RoomInterest } from '../src/shared/room-interest.ts'
import type { StrategyName } from '../src/shared/ticket.ts'
import { Admission } from './admission.ts'
import { Adoption, type CreateFront } from './adoption.ts'
import { Application } from './application.ts'
import { ComputeRequests } from './compute-requests.ts'
import type { Connection } from './connection.ts'
import { type ConnectionContext, createConnectionContext } from './connection-context.ts'
import { EarlyEnd } from './early-end.ts'
import type { Front } from './front.ts'
import { Handlers } from './handlers.ts'
import { Heartbeat } from './heartbeat.ts'
import { Pause } from './inbound.ts'
import { longestQueue, longestQueues } from './longest-queues.ts'
import { LoopWatch } from './loop-watch.ts'
import { MainLink, type MainLinkHandler } from './main-link.ts'
import { heapLimit, type MemoryOwner, MemoryWatch } from './memory-watch.ts'
import type { Moves } from './moves.ts'
import { Passage, type PassageShard } from './passage.ts'
import { Rooms } from './rooms.ts'
import { type CommandedShard, ShardCommands } from './shard-commands.ts'
import type { ServedShard } from './shard-server.ts'
import { SiblingLink, type SiblingLinkHandler } from './sibling-link.ts'

/**
 * The thread's entry: one task that ends when main says so. Its promise settling is the shard's death.
 * Everything arrives in the task, so the same function also runs on the main thread (`shards: 0`).
 */
export default async function runShard(task: ShardTask): Promise<void> {
  const taker = createTaker(task.taker)
  const handlers = new Handlers()
  const loading = Promise.all(task.modules.map((url, index) => handlers.load(index, url)))
  const [loaded, createFront] = await Promise.all([loading, loadFront(task), taker.ready])
  return new Promise((resolve, reject) => {
    new Shard(task, { taker, handlers, createFront }, (cause) => (cause === null ? resolve() : reject(cause))).start(
      loaded,
    )
  })
}

/** What a front needs, `node:http` and `node:tls`, is most of what a shard would hold: others do without. */
async function loadFront({ opensGates }: ShardTask): Promise<CreateFront | null> {
  if (!opensGates) return null
  const { Front } = await import('./front.ts')
  return (options, shard) => new Front(options, shard)
}

/** What was loaded before it starts. */
interface ShardParts {
  readonly taker: Taker
  readonly handlers: Handlers
  readonly createFront: CreateFront | null
}

class Shard implements CommandedShard, MainLinkHandler, SiblingLinkHandler, PassageShard, ServedShard, MemoryOwner {
  readonly index: number
  readonly connections = new Map<ConnectionKey, Connection>()
  readonly #paused = new Set<Connection>()
  readonly siblings = new Map<number, SiblingLink>()
  readonly state = new Map<string, unknown>()
  readonly rooms: Rooms
  readonly application: Application
  readonly handlers: Handlers
  readonly #counters: CounterRow
  readonly #link: MainLink
  readonly #taker: Taker
  readonly #strategy: StrategyName
  readonly #commands = new ShardCommands(this)
  readonly #adoption: Adoption
  readonly #passage: Passage
  readonly computes: ComputeRequests
  readonly admission: Admission
  readonly #heartbeat: Heartbeat
  readonly #beat: NodeJS.Timeout
  readonly context: ConnectionContext
  readonly #onStopped: (cause: Error | null) => void
  readonly #loop: LoopWatch
  /** Null for a shard on the main thread, whose memory is not its own. */
  readonly #memory: MemoryWatch | null
  #isStopping = false
  #isCut = false
  readonly #earlyEnd: EarlyEnd

  constructor(task: ShardTask, parts: ShardParts, onStopped: (cause: Error | null) => void) {
    const { index, options } = task
    const { taker, handlers, createFront } = parts
    this.index = index
    this.handlers = handlers
    this.#strategy = task.taker.strategy
    const interest = new RoomInterest(task.interest)
    this.rooms = new Rooms(interest, index)
    this.#onStopped = onStopped
    this.#counters = new Counters(task.counters).row(index)
    this.#link = new MainLink(task.port, task.credit, this)
    this.#earlyEnd = new EarlyEnd(this, this.#link)
    this.#taker = taker
    this.#adoption = new Adoption(this, taker, createFront)
    this.#passage = new Passage(this, taker, this.#strategy)
    this.computes = new ComputeRequests(this.#link)
    this.#heartbeat = new Heartbeat(options, this.connections)
    this.#beat = setInterval(() => this.#counters.add(Counter.BEATS, 1), options.beatMs)
    this.#loop = new LoopWatch(this.#counters, this.rooms)
    const isOwnThread = task.taker.strategy !== 'local'
    const memory = { heapBytes: heapLimit(), externalBytes: options.maxExternalBytes }
    this.#memory = isOwnThread ? new MemoryWatch(this.#counters, memory, this) : null
    this.context = createConnectionContext(options, {
      clock: this.#heartbeat.clock,
      counters: this.#counters,
      table: new ConnectionTable(task.connections),
      link: this.#link,
      relieve: () => this.relieve(),
    })
    this.application = new Application(this.context, {
      handlers,
      shard: this,
      index,
      rooms: this.rooms,
      interest,
    })
    this.admission = new Admission(this, this.#link, this.context.table, new Counters(task.counters))
  }

  /** @param loaded How loading each handler module went, as of `Handlers.load`. */
  start(loaded: readonly Uint8Array[]): void {
    for (const [module, error] of loaded.entries()) this.#link.loaded(module, error)
    // On main it is main's.
    if (this.#strategy !== 'local') this.#guard()
    this.#link.ready()
  }

  /** What nobody on this thread catches is no reason to lose everybody's connection. */
  #guard(): void {
    process.on('uncaughtException', (error) => {
      // Without code of the application it is the engine's own fault.
      if (this.handlers.isEmpty) this.#earlyEnd.onFailed(error)
      else this.application.onUncaught(error)
    })
    process.on('unhandledRejection', (error) => this.application.onUnhandled(error))
  }

  get moves(): Moves {
    return this.#passage.moves
  }

  reserve(key: ConnectionKey, module: number): void {
    if (this.isWelcoming) this.#link.reserved(key, this.handlers.mustJudge(module))
  }

  connect(connect: Connect): void {
    const link = new SiblingLink(connect, this.context.options.maxShardBackpressure, this)
    this.siblings.set(link.index, link)
  }

  disconnect({ sibling: index }: Disconnect): void {
    const sibling = this.siblings.get(index)
    // As a rule its port has told so already.
    if (sibling !== undefined) {
      sibling.hearOut()
      this.onSiblingGone(sibling)
    }
    this.#passage.onShardGone(index)
  }

  onSiblingGone(sibling: SiblingLink): void {
    if (this.siblings.get(sibling.index) !== sibling) return
    this.siblings.delete(sibling.index)
    this.moves.onSiblingGone(sibling.index)
  }

  receive(publisher: number, batch: BatchReader): void {
    this.#commands.receive(publisher, batch)
  }

  // ── new connections ──

  /** Whether it takes connections, with main's word or without. */
  get isWelcoming(): boolean {
    return !this.#isStopping && !this.#earlyEnd.hasBegun
  }

  get isStopping(): boolean {
    return this.#isStopping
  }

  get front(): Front | null {
    return this.#adoption.front
  }

  adopt(adopt: Adopt): void {
    this.#adoption.adopt(adopt)
  }

  openGate(gate: OpenGate): void {
    this.#adoption.openGate(gate)
  }

  secure(contexts: TlsContexts): void {
    this.#adoption.secure(contexts)
  }

  rule(rules: DoorRules | null): void {
    this.admission.rule(rules)
  }

  // ── what handlers here send ──

  offer(key: ConnectionKey, message: string | Uint8Array, flags: number): boolean {
    return this.#commands.offer(key, message, flags)
  }

  here<Name extends ConnectionCommand>(name: Name, ...args: Parameters<CommandHandler[Name]>): void {
    this.#commands.here(name, ...args)
  }

  broadcast(fanOut: ReceivedFanOut): void {
    this.#commands.broadcastFrom(this.index, fanOut)
  }

  publish(rooms: readonly string[], fanOut: ReceivedFanOut): void {
    this.#commands.publishFrom(this.index, rooms, fanOut)
  }

  // ── moves ──

  arrive(arrive: Arrive, from: SiblingLink): void {
    this.#passage.arrive(arrive, from)
  }

  /** What another shard has given back to main for this one. */
  forward(forward: Forward): void {
    this.#passage.forward(forward)
  }

  /** Main has taken what was posted. */
  credit(): void {
    const paused = [...this.#paused]
    this.#paused.clear()
    this.application.reports.flush()
    for (const connection of paused) connection.resume(Pause.CREDIT)
  }

  stop(): void {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#heartbeat.stop()
    clearInterval(this.#beat)
    this.#earlyEnd.stop()
    this.#loop.stop()
    this.#memory?.stop()
    this.#taker.close()
    this.#passage.stop()
    this.#adoption.stop()
    this.application.stop()
    for (const connection of this.connections.values()) connection.terminate()
    this.#endIfEmpty()
  }

  /** Without main nobody could ever stop this shard or hear its connections. */
  cut(): void {
    this.#isCut = true
    this.stop()
    this.#endIfEmpty()
  }

  waitForCredit(connection: Connection): void {
    this.#paused.add(connection)
    if (this.#paused.size === 1 && !this.#link.waitForCredit()) setImmediate(() => this.credit())
  }

  /** The shard holds more unsent bytes than it may: the connection that holds most of them goes, if one is stuck a stuck one. */
  relieve(): void {
    longestQueue(this.connections.values())?.closeSlow('SHARD_BACKPRESSURE')
  }

  /**
   * The thread is short of memory. Collections may have kept it busy for long: first it hears which peers have read meanwhile.
   */
  shed(): void {
    setImmediate(() => {
      for (const connection of longestQueues(this.connections.values(), 1)) connection.closeSlow('SHARD_MEMORY_SHED')
    })
  }

  /** The whole process is short of it: the longest queues of so many bytes go. */
  discard(bytes: number): void {
    for (const connection of longestQueues(this.connections.values(), bytes)) connection.closeSlow('MEMORY_SHED')
  }

  recycle(): void {
    if (!this.#isStopping) this.#earlyEnd.onExhausted()
  }

  onStopped(cause: Error): void {
    this.#onStopped(cause)
  }

  remove(connection: Connection): void {
    this.connections.delete(connection.key)
    this.#paused.delete(connection)
    this.rooms.leaveAll(connection)
    this.#counters.add(Counter.CONNECTIONS, -1)
    if (this.#isStopping) setImmediate(() => this.#endIfEmpty())
  }

  /** Main waits for handlers at work, and ends the thread when that takes too long. After an early end there is no time. */
  #endIfEmpty(): void {
    if (this.connections.size > 0) return
    const mayWait = !this.#isCut && this.#earlyEnd.cause === null
    // What the last one has sent leaves first.
    if (mayWait && this.application.isAtWork) {
      this.application.onceDone(() => setImmediate(() => this.#endIfEmpty()))
    } else this.#end()
  }

  #end(): void {
    this.computes.stop()
    this.context.compression?.close()
    for (const sibling of this.siblings.values()) sibling.close()
    this.#link.close()
    this.#onStopped(this.#earlyEnd.cause)
  }
}
