import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { ConnectionTable, ReadyState } from '../src/shared/connection-table.ts'
import { Counter, type CounterRow, Counters } from '../src/shared/counters.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import { createTaker } from '../src/shared/handoff/handoff.ts'
import type { Taker } from '../src/shared/handoff/strategy.ts'
import {
  type Adopt,
  type Connect,
  type ReceivedFanOut,
  SendFlag,
  type ShardOptions,
  type ShardTask,
} from '../src/shared/messages.ts'
import { CloseCode } from '../src/shared/protocol/close-codes.ts'
import { RoomInterest } from '../src/shared/room-interest.ts'
import { decodeValue } from '../src/shared/values.ts'
import { Application } from './application.ts'
import { Compression } from './compression.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import type { ConnectionContext } from './connection-context.ts'
import { Handlers } from './handlers.ts'
import { Heartbeat } from './heartbeat.ts'
import { MainLink, type MainLinkHandler } from './main-link.ts'
import { heapLimit, type MemoryOwner, MemoryWatch } from './memory-watch.ts'
import { Outbox } from './outbox.ts'
import { Rooms } from './rooms.ts'
import type { ServedShard } from './shard-server.ts'
import { SharedMessage } from './shared-message.ts'
import { SiblingLink } from './sibling-link.ts'

/** One buffer for all reads of the shard: a connection that is silent holds none. */
const READ_BUFFER_BYTES = 64 * 1024

/** How long the connections of a shard that is out of memory may take for their closing handshakes. */
const RECYCLE_MS = 1000

/**
 * The thread's entry: one task that ends when main says so. Its promise settling is the shard's death.
 * Everything arrives in the task, so the same function also runs on the main thread (`shards: 0`).
 */
export default async function runShard(task: ShardTask): Promise<void> {
  const taker = createTaker(task.taker)
  const [handlers] = await Promise.all([Handlers.load(task.modules), taker.ready])
  return new Promise((resolve, reject) => {
    new Shard(task, taker, handlers, (cause) => (cause === null ? resolve() : reject(cause))).start()
  })
}

class Shard implements MainLinkHandler, ConnectionOwner, ServedShard, MemoryOwner {
  readonly #connections = new Map<ConnectionKey, Connection>()
  readonly #paused = new Set<Connection>()
  readonly siblings = new Map<number, SiblingLink>()
  readonly state = new Map<string, unknown>()
  readonly #rooms: Rooms
  readonly #application: Application
  readonly #counters: CounterRow
  readonly #link: MainLink
  readonly #taker: Taker
  readonly #heartbeat: Heartbeat
  readonly #beat: NodeJS.Timeout
  readonly #context: ConnectionContext
  readonly #onStopped: (cause: Error | null) => void
  /** Null for a shard on the main thread, whose memory is not its own. */
  readonly #memory: MemoryWatch | null
  #isStopping = false
  #isRecycling = false
  /** Why it ends; null: main says so. */
  #cause: ShardwsError | null = null

  constructor(task: ShardTask, taker: Taker, handlers: Handlers, onStopped: (cause: Error | null) => void) {
    const { index, options } = task
    const interest = new RoomInterest(task.interest)
    this.#rooms = new Rooms(interest, index)
    this.#onStopped = onStopped
    this.#counters = new Counters(task.counters).row(index)
    this.#link = new MainLink(task.port, task.credit, this)
    this.#taker = taker
    this.#heartbeat = new Heartbeat(options, this.#connections)
    this.#beat = setInterval(() => this.#counters.add(Counter.BEATS, 1), options.beatMs)
    const isOwnThread = task.taker.strategy !== 'local'
    const memory = { heapBytes: heapLimit(), externalBytes: options.maxExternalBytes }
    this.#memory = isOwnThread ? new MemoryWatch(this.#counters, memory, this) : null
    const { maxCompressedSize, maxFragments, maxPayload } = options
    const plain = { maxPayload, maxCompressedSize, maxFragments, allowRsv1: false }
    this.#context = {
      options,
      limits: { plain, compressible: { ...plain, allowRsv1: true } },
      clock: this.#heartbeat.clock,
      counters: this.#counters,
      table: new ConnectionTable(task.connections),
      link: this.#link,
      outbox: new Outbox(this.#counters),
      readBuffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
      compression: createCompression(options),
      relieve: () => this.#relieve(),
    }
    this.#application = new Application(this.#context, { handlers, shard: this, index, rooms: this.#rooms, interest })
  }

  start(): void {
    this.#link.ready()
  }

  reserve(key: ConnectionKey, module: number): void {
    if (!this.#isStopping && !this.#isRecycling) this.#link.reserved(key, this.#application.mustJudge(module))
  }

  judge(key: ConnectionKey, module: number, request: Buffer): void {
    this.#application.judge(key, module, request)
  }

  load(module: number, url: string): void {
    this.#application.load(module, url)
  }

  connect(connect: Connect): void {
    const link = new SiblingLink(connect, this.#context.options.maxShardBackpressure, this, () => {
      if (this.siblings.get(link.index) === link) this.siblings.delete(link.index)
    })
    this.siblings.set(link.index, link)
  }

  adopt({ key, head, agreement, isWatched, handled, ticket }: Adopt): void {
    // Known from now on: what main posts behind the ticket must not get lost if the socket arrives after it.
    const connection = new Connection(key, this.#context, agreement, this)
    if (isWatched) connection.watch()
    this.#connections.set(key, connection)
    this.#counters.add(Counter.CONNECTIONS, 1)
    if (handled !== null) this.#application.adopt(connection, handled)
    this.#taker.take(ticket, connection, (socket) => {
      this.#counters.add(socket === null ? Counter.ADOPT_FAILED : Counter.ADOPTED, 1)
      if (socket === null) connection.abandon()
      else connection.open(socket, head)
      if (this.#isRecycling) connection.close(CloseCode.SERVICE_RESTART, 'shard replaced')
    })
  }

  admit(key: ConnectionKey, user: Buffer): void {
    this.#application.admit(key, user)
  }

  send(key: ConnectionKey, payload: Buffer, flags: number): void {
    const outbound = this.#connections.get(key)?.outbound
    if ((flags & SendFlag.FROM_SHARD) === 0) outbound?.send(payload, flags)
    else outbound?.relay(payload, flags)
  }

  sendFrame(key: ConnectionKey, frame: Buffer, payloadBytes: number, flags: number): void {
    const outbound = this.#connections.get(key)?.outbound
    if ((flags & SendFlag.FROM_SHARD) === 0) outbound?.sendFrame(frame, payloadBytes, flags)
    else outbound?.relayFrame(frame, payloadBytes, flags)
  }

  offer(key: ConnectionKey, message: string | Uint8Array, flags: number): boolean {
    return this.#connections.get(key)?.outbound.offer(message, flags) ?? false
  }

  broadcast(fanOut: ReceivedFanOut): void {
    const message = this.#sharedMessage(fanOut)
    const isExcluded = this.#rooms.exclusion(fanOut.excluded)
    for (const connection of this.#connections.values()) if (!isExcluded(connection)) connection.sendShared(message)
  }

  join(key: ConnectionKey, room: string): void {
    const connection = this.#connections.get(key)
    if (connection !== undefined && !this.#application.join(key, room)) this.#rooms.join(connection, room)
  }

  leave(key: ConnectionKey, room: string): void {
    const connection = this.#connections.get(key)
    if (connection !== undefined && !this.#application.leave(key, room)) this.#rooms.leave(connection, room)
  }

  publish(rooms: readonly string[], fanOut: ReceivedFanOut): void {
    this.#rooms.publish(rooms, this.#sharedMessage(fanOut), fanOut.excluded)
  }

  watch(key: ConnectionKey): void {
    this.#connections.get(key)?.watch()
  }

  setState(key: string, value: Buffer): void {
    this.state.set(key, decodeValue(value))
  }

  deleteState(key: string): void {
    this.state.delete(key)
  }

  close(key: ConnectionKey, code: number, reason: string): void {
    this.#application.refuse(key)
    this.#connections.get(key)?.close(code, reason)
  }

  terminate(key: ConnectionKey): void {
    this.#connections.get(key)?.terminate()
  }

  ping(key: ConnectionKey, payload: Buffer): void {
    this.#connections.get(key)?.ping(payload)
  }

  pong(key: ConnectionKey, payload: Buffer): void {
    this.#connections.get(key)?.outbound.pong(payload)
  }

  markAlive(key: ConnectionKey): void {
    this.#connections.get(key)?.markAlive()
  }

  notifyDrain(key: ConnectionKey): void {
    this.#connections.get(key)?.outbound.notifyDrain()
  }

  pause(key: ConnectionKey): void {
    this.#connections.get(key)?.pause()
  }

  resume(key: ConnectionKey): void {
    this.#connections.get(key)?.resume()
  }

  conclude(key: ConnectionKey): void {
    this.#connections.get(key)?.conclude()
  }

  /** Main has taken what was posted. */
  credit(): void {
    const paused = [...this.#paused]
    this.#paused.clear()
    this.#application.reports.flush()
    for (const connection of paused) connection.onCredit()
  }

  stop(): void {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#heartbeat.stop()
    clearInterval(this.#beat)
    this.#memory?.stop()
    this.#taker.close()
    this.#application.stop()
    for (const connection of this.#connections.values()) connection.terminate()
    this.#endIfEmpty()
  }

  /** Without main nobody could ever stop this shard or hear its connections. */
  cut(): void {
    this.stop()
  }

  waitForCredit(connection: Connection): void {
    this.#paused.add(connection)
    if (this.#paused.size === 1 && !this.#link.waitForCredit()) setImmediate(() => this.credit())
  }

  shed(): void {
    this.#relieve()
  }

  /** The thread is about to run out of memory: its clients are told to come back, to another one. */
  recycle(): void {
    if (this.#isStopping || this.#isRecycling) return
    this.#isRecycling = true
    for (const connection of this.#connections.values()) connection.close(CloseCode.SERVICE_RESTART, 'shard replaced')
    setTimeout(() => {
      this.#cause = new ShardwsError('SHARD_EXHAUSTED')
      this.stop()
    }, RECYCLE_MS)
  }

  /** The shard holds more unsent bytes than it may: the connection that holds most of them goes, if one is stuck a stuck one. */
  #relieve(): void {
    let worst: Connection | undefined
    for (const connection of this.#connections.values()) {
      if (connection.readyState !== ReadyState.OPEN || connection.outbound.bufferedBytes === 0) continue
      if (worst === undefined || isWorse(connection, worst)) worst = connection
    }
    worst?.closeSlow('SHARD_BACKPRESSURE')
  }

  remove(connection: Connection): void {
    this.#connections.delete(connection.key)
    this.#paused.delete(connection)
    this.#rooms.leaveAll(connection)
    this.#counters.add(Counter.CONNECTIONS, -1)
    if (this.#isStopping) setImmediate(() => this.#endIfEmpty())
  }

  #sharedMessage({ frame, payloadBytes, flags }: ReceivedFanOut): SharedMessage {
    const { compression, options } = this.#context
    return new SharedMessage(frame, payloadBytes, flags, options.compressThreshold, compression)
  }

  #endIfEmpty(): void {
    if (this.#connections.size > 0) return
    this.#context.compression?.close()
    for (const sibling of this.siblings.values()) sibling.close()
    this.#link.close()
    this.#onStopped(this.#cause)
  }
}

/** A peer that reads, however slowly, is spared for one that does not. */
function isWorse(one: Connection, other: Connection): boolean {
  const [stuck, otherStuck] = [one.outbound.isStuck, other.outbound.isStuck]
  return stuck === otherStuck ? one.outbound.bufferedBytes > other.outbound.bufferedBytes : stuck
}

function createCompression({ compression, maxPayload }: ShardOptions): Compression | null {
  return compression && new Compression({ ...compression, maxPayload })
}
