import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { ConnectionTable, ReadyState } from '../src/shared/connection-table.ts'
import { Counter, type CounterRow, Counters } from '../src/shared/counters.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import { createTaker } from '../src/shared/handoff/handoff.ts'
import type { Taker } from '../src/shared/handoff/strategy.ts'
import type { Adopt, ShardOptions, ShardTask } from '../src/shared/messages.ts'
import { CloseCode } from '../src/shared/protocol/close-codes.ts'
import { Compression } from './compression.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import type { ConnectionContext } from './connection-context.ts'
import { Heartbeat } from './heartbeat.ts'
import { MainLink, type MainLinkHandler } from './main-link.ts'
import { heapLimit, type MemoryOwner, MemoryWatch } from './memory-watch.ts'
import { Outbox } from './outbox.ts'
import { Rooms } from './rooms.ts'
import type { HandledShard, ShardHandler } from './shard-handler.ts'
import { SharedMessage } from './shared-message.ts'

/** One buffer for all reads of the shard: a connection that is silent holds none. */
const READ_BUFFER_BYTES = 64 * 1024

/** How long the connections of a shard that is out of memory may take for their closing handshakes. */
const RECYCLE_MS = 1000

/**
 * The thread's entry: one task that ends when main says so. Its promise settling is the shard's death.
 * Everything arrives in the task, so the same function also runs on the main thread (`shards: 0`).
 */
export default function runShard(task: ShardTask): Promise<void> {
  return runHandlingShard(task, () => null)
}

/** A shard whose messages are handled on its own thread, if `createHandler` makes a handler. */
export async function runHandlingShard(
  task: ShardTask,
  createHandler: (shard: HandledShard) => ShardHandler | null,
): Promise<void> {
  const taker = createTaker(task.taker)
  await taker.ready
  return new Promise((resolve, reject) => {
    new Shard(task, taker, createHandler, (cause) => (cause === null ? resolve() : reject(cause))).start()
  })
}

class Shard implements MainLinkHandler, ConnectionOwner, HandledShard, MemoryOwner {
  readonly #connections = new Map<ConnectionKey, Connection>()
  readonly #paused = new Set<Connection>()
  readonly #rooms = new Rooms()
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

  constructor(
    task: ShardTask,
    taker: Taker,
    createHandler: (shard: HandledShard) => ShardHandler | null,
    onStopped: (cause: Error | null) => void,
  ) {
    const { options } = task
    this.#onStopped = onStopped
    this.#counters = new Counters(task.counters).row(task.index)
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
      handler: createHandler(this),
      outbox: new Outbox(this.#counters),
      readBuffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
      compression: createCompression(options),
      relieve: () => this.#relieve(),
    }
  }

  start(): void {
    this.#link.ready()
  }

  reserve(key: ConnectionKey): void {
    if (!this.#isStopping && !this.#isRecycling) this.#link.reserved(key)
  }

  adopt({ key, head, agreement, ticket }: Adopt): void {
    // Known from now on: what main posts behind the ticket must not get lost if the socket arrives after it.
    const connection = new Connection(key, this.#context, agreement, this)
    this.#connections.set(key, connection)
    this.#counters.add(Counter.CONNECTIONS, 1)
    this.#taker.take(ticket, connection, (socket) => {
      this.#counters.add(socket === null ? Counter.ADOPT_FAILED : Counter.ADOPTED, 1)
      if (socket === null) connection.abandon()
      else connection.open(socket, head)
      if (this.#isRecycling) connection.close(CloseCode.SERVICE_RESTART, 'shard replaced')
    })
  }

  send(key: ConnectionKey, payload: Buffer, flags: number): void {
    this.#connections.get(key)?.send(payload, flags)
  }

  sendFrame(key: ConnectionKey, frame: Buffer, payloadBytes: number, flags: number): void {
    this.#connections.get(key)?.sendFrame(frame, payloadBytes, flags)
  }

  broadcast(frame: Buffer, payloadBytes: number, except: ConnectionKey, flags: number): void {
    const message = this.#sharedMessage(frame, payloadBytes, flags)
    for (const connection of this.#connections.values()) {
      if (connection.key !== except) connection.sendShared(message)
    }
  }

  join(key: ConnectionKey, room: string): void {
    const connection = this.#connections.get(key)
    if (connection !== undefined) this.#rooms.join(connection, room)
  }

  leave(key: ConnectionKey, room: string): void {
    const connection = this.#connections.get(key)
    if (connection !== undefined) this.#rooms.leave(connection, room)
  }

  publish(room: string, frame: Buffer, payloadBytes: number, except: ConnectionKey, flags: number): void {
    this.#rooms.publish(room, this.#sharedMessage(frame, payloadBytes, flags), except)
  }

  close(key: ConnectionKey, code: number, reason: string): void {
    this.#connections.get(key)?.close(code, reason)
  }

  terminate(key: ConnectionKey): void {
    this.#connections.get(key)?.terminate()
  }

  ping(key: ConnectionKey, payload: Buffer): void {
    this.#connections.get(key)?.ping(payload)
  }

  pong(key: ConnectionKey, payload: Buffer): void {
    this.#connections.get(key)?.pong(payload)
  }

  markAlive(key: ConnectionKey): void {
    this.#connections.get(key)?.markAlive()
  }

  notifyDrain(key: ConnectionKey): void {
    this.#connections.get(key)?.notifyDrain()
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
    for (const connection of paused) connection.onCredit()
  }

  stop(): void {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#heartbeat.stop()
    clearInterval(this.#beat)
    this.#memory?.stop()
    this.#taker.close()
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
      if (connection.readyState !== ReadyState.OPEN || connection.bufferedBytes === 0) continue
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

  #sharedMessage(frame: Buffer, payloadBytes: number, flags: number): SharedMessage {
    const { compression, options } = this.#context
    return new SharedMessage(frame, payloadBytes, flags, options.compressThreshold, compression)
  }

  #endIfEmpty(): void {
    if (this.#connections.size > 0) return
    this.#context.compression?.close()
    this.#link.close()
    this.#onStopped(this.#cause)
  }
}

/** A peer that reads, however slowly, is spared for one that does not. */
function isWorse(one: Connection, other: Connection): boolean {
  return one.isStuck === other.isStuck ? one.bufferedBytes > other.bufferedBytes : one.isStuck
}

function createCompression({ compression, maxPayload }: ShardOptions): Compression | null {
  return compression && new Compression({ ...compression, maxPayload })
}
