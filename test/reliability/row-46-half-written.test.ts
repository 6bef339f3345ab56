import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { connectionKey } from '../../src/shared/connection-key.ts'
import { ConnectionTable, ReadyState } from '../../src/shared/connection-table.ts'
import { Counter, Counters } from '../../src/shared/counters.ts'
import { allocateCredit, CreditSpender } from '../../src/shared/credit.ts'
import { RoomInterest } from '../../src/shared/room-interest.ts'
import { BYTES, HIGH, LOW, ROOM, type WriterTask } from '../fixtures/tight-writer-task.ts'
import { SeededRandom } from './seeded-random.ts'

const WRITER = new URL(`../fixtures/tight-writer${extname(import.meta.url)}`, import.meta.url)
/** The catalogue asks for 1000, which takes half a minute: `ROW_46_TERMINATIONS=1000`. */
const TERMINATIONS = Number(process.env.ROW_46_TERMINATIONS ?? 60)
const WRITERS = 2
const CONNECTIONS = 8
/** Of reading while a writer writes, before it is terminated. */
const MOST_READS = 400

/** What a reader may see at any time, and what it sees. */
class Reader {
  readonly faults: string[] = []
  readonly #task: WriterTask
  readonly #counters: Counters
  readonly #table: ConnectionTable
  readonly #interest: RoomInterest
  readonly #spender: CreditSpender
  /** Messages that earlier writers have counted without their bytes. */
  readonly #lagBefore: number
  #messages = 0

  constructor(task: WriterTask) {
    this.#task = task
    this.#counters = new Counters(task.counters)
    this.#table = new ConnectionTable(task.connections)
    this.#interest = new RoomInterest(task.interest)
    this.#spender = new CreditSpender(task.credit, 0, { messages: 1, bytes: 1 })
    this.#lagBefore = this.#lag
  }

  get messages(): number {
    return this.#counters.row(this.#task.index).get(Counter.MESSAGES_SENT)
  }

  get #lag(): number {
    return this.messages - this.#counters.row(this.#task.index).get(Counter.BYTES_SENT) / BYTES
  }

  /** While it is being written. */
  look(): void {
    const row = this.#counters.row(this.#task.index)
    this.#expect('a gauge', row.get(Counter.QUEUED_BYTES), [0, HIGH, LOW])
    const { messages } = this
    if (messages < this.#messages || !Number.isInteger(messages))
      this.#note(`messages from ${this.#messages} to ${messages}`)
    this.#messages = messages
    for (const key of this.#task.keys) {
      this.#expect('a state', this.#table.readyState(key), [ReadyState.CONNECTING, ReadyState.OPEN, ReadyState.CLOSING])
      this.#expect('a queue', this.#table.queuedBytes(key), [0, HIGH, LOW])
    }
  }

  /** Its writer is gone: each record is whole, or lacks what was not written yet. */
  lookBehind(): void {
    this.look()
    const row = this.#counters.row(this.#task.index)
    this.#expect('bytes behind messages', this.#lag - this.#lagBefore, [0, 1])
    for (const key of this.#task.keys) {
      const lacking = this.#table.bytesReceived(key) / BYTES - this.#table.messagesReceived(key)
      this.#expect('messages behind bytes', lacking, [0, 1])
      this.#expect('times', this.#table.messagesReceived(key) - this.#table.lastActivity(key), [0, 1])
    }
    // As main does with what a dead shard leaves.
    row.clearGauges()
    this.#interest.clear(this.#task.index)
    this.#expect('a gauge of a dead shard', row.get(Counter.QUEUED_BYTES), [0])
    if (this.#interest.has(this.#task.index, ROOM)) this.#note('a dead shard has members')
    if (!this.#spender.hasCredit()) this.#note('more was taken than was posted, and there is no credit')
  }

  #expect(what: string, value: number, allowed: readonly number[]): void {
    if (!allowed.includes(value)) this.#note(`${what}: ${value}`)
  }

  #note(fault: string): void {
    if (this.faults.length < 10) this.faults.push(fault)
  }
}

t.test(
  `row 46: terminated in the middle of a write, ${TERMINATIONS} times: no reader sees half of anything`,
  async (t) => {
    const random = new SeededRandom(46)
    const counters = Counters.allocate(WRITERS)
    const table = ConnectionTable.allocate(WRITERS * CONNECTIONS)
    const interest = RoomInterest.allocate(WRITERS, 1)
    const dies = async (index: number, life: number): Promise<Reader> => {
      const keys = Array.from({ length: CONNECTIONS }, (_, each) => connectionKey(index * CONNECTIONS + each, life))
      for (const key of keys) table.claim(key, { high: 0, low: life })
      const memory = { counters: counters.memory, connections: table.memory, interest: interest.memory }
      const task: WriterTask = { index, keys, ...memory, credit: allocateCredit() }
      const reader = new Reader(task)
      const before = reader.messages
      const writer = new Worker(WRITER, { workerData: task, execArgv: [] })
      const ended = once(writer, 'exit')
      await once(writer, 'online')
      while (reader.messages === before) await new Promise(setImmediate)
      for (let reads = random.below(MOST_READS); reads >= 0; reads--) reader.look()
      await writer.terminate()
      await ended
      reader.lookBehind()
      return reader
    }
    let messages = 0
    for (let life = 1; life <= TERMINATIONS / WRITERS; life++) {
      const readers = await Promise.all(Array.from({ length: WRITERS }, (_, index) => dies(index, life)))
      const faults = readers.flatMap((reader) => reader.faults)
      if (faults.length > 0) return void t.same(faults, [], `life ${life}`)
      messages = readers.reduce((sum, reader) => sum + reader.messages, 0)
    }
    t.ok(messages > 10 * TERMINATIONS, `${messages} messages were counted`)
  },
)
