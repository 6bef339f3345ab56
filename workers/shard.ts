import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { ConnectionTable, ReadyState } from '../src/shared/connection-table.ts'
import { Counter, type CounterRow, Counters } from '../src/shared/counters.ts'
import { createTaker } from '../src/shared/handoff/handoff.ts'
import type { Taker } from '../src/shared/handoff/strategy.ts'
import type { Adopt, ShardOptions, ShardTask } from '../src/shared/messages.ts'
import { Compression } from './compression.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import type { ConnectionContext } from './connection-context.ts'
import { Heartbeat } from './heartbeat.ts'
import { MainLink, type MainLinkHandler } from './main-link.ts'
import { Outbox } from './outbox.ts'
import { SharedMessage } from './shared-message.ts'

/** One buffer for all reads of the shard: a connection that is silent holds none. */
const READ_BUFFER_BYTES = 64 * 1024

/** Of one connection. A kilobyte on the wire may inflate to a megabyte: 2.5 MB of that a second would keep a core busy. */
const INFLATE_BUDGET = { inflateBytesPerSecond: 8 * 1024 * 1024, inflateBurst: 16 * 1024 * 1024 }

/**
 * The thread's entry: one task that ends when main says so. Its promise settling is the shard's death.
 * Everything arrives in the task, so the same function also runs on the main thread (`shards: 0`).
 */
export default async function runShard(task: ShardTask): Promise<void> {
  const taker = createTaker(task.taker)
  await taker.ready
  return new Promise((resolve) => new Shard(task, taker, resolve).start())
}

class Shard implements MainLinkHandler, ConnectionOwner {
  readonly #connections = new Map<ConnectionKey, Connection>()
  readonly #paused = new Set<Connection>()
  readonly #counters: CounterRow
  readonly #link: MainLink
  readonly #taker: Taker
  readonly #heartbeat: Heartbeat
  readonly #context: ConnectionContext
  readonly #onStopped: () => void
  #isStopping = false

  constructor(task: ShardTask, taker: Taker, onStopped: () => void) {
    const { options } = task
    this.#onStopped = onStopped
    this.#counters = new Counters(task.counters).row(task.index)
    this.#link = new MainLink(task.port, task.credit, this)
    this.#taker = taker
    this.#heartbeat = new Heartbeat(options, this.#connections)
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
  }

  start(): void {
    this.#link.ready()
  }

  reserve(key: ConnectionKey): void {
    if (!this.#isStopping) this.#link.reserved(key)
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
    })
  }

  send(key: ConnectionKey, payload: Buffer, flags: number): void {
    this.#connections.get(key)?.send(payload, flags)
  }

  sendFrame(key: ConnectionKey, frame: Buffer, payloadBytes: number, flags: number): void {
    this.#connections.get(key)?.sendFrame(frame, payloadBytes, flags)
  }

  broadcast(frame: Buffer, payloadBytes: number, except: ConnectionKey, flags: number): void {
    const { compression, options } = this.#context
    const message = new SharedMessage(frame, payloadBytes, flags, options.compressThreshold, compression)
    for (const connection of this.#connections.values()) {
      if (connection.key !== except) connection.sendShared(message)
    }
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

  conclude(key: ConnectionKey): void {
    this.#connections.get(key)?.conclude()
  }

  /** Main has taken what was posted. */
  credit(): void {
    const paused = [...this.#paused]
    this.#paused.clear()
    for (const connection of paused) connection.resumeReading()
  }

  stop(): void {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#heartbeat.stop()
    this.#taker.close()
    for (const connection of this.#connections.values()) connection.terminate()
    this.#endIfEmpty()
  }

  /** Without main nobody could ever stop this shard or hear its connections. */
  cut(): void {
    this.stop()
  }

  pause(connection: Connection): void {
    this.#counters.add(Counter.INBOUND_PAUSES, 1)
    this.#paused.add(connection)
    if (this.#paused.size === 1 && !this.#link.waitForCredit()) setImmediate(() => this.credit())
  }

  /** The shard holds more unsent bytes than it may: the connection that holds most of them goes. */
  #relieve(): void {
    let largest: Connection | undefined
    for (const connection of this.#connections.values()) {
      if (connection.readyState !== ReadyState.OPEN) continue
      if (largest === undefined || connection.bufferedBytes > largest.bufferedBytes) largest = connection
    }
    largest?.closeSlow()
  }

  remove(connection: Connection): void {
    this.#connections.delete(connection.key)
    this.#paused.delete(connection)
    this.#counters.add(Counter.CONNECTIONS, -1)
    if (this.#isStopping) setImmediate(() => this.#endIfEmpty())
  }

  #endIfEmpty(): void {
    if (this.#connections.size > 0) return
    this.#context.compression?.close()
    this.#link.close()
    this.#onStopped()
  }
}

function createCompression({ compression, maxPayload }: ShardOptions): Compression | null {
  return compression && new Compression({ ...compression, ...INFLATE_BUDGET, maxPayload })
}
