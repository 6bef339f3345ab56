import { explain } from '../explain.ts'
import type { Closure, ConnectionListener, OutgoingConnection } from '../outgoing-connection.ts'
import type { LoadPlan } from './load-plan.ts'

/** What all connections of a load have in common. */
export interface LaneHost {
  readonly plan: LoadPlan
  /** `dueMs`: when its message was. */
  onEcho(lane: EchoLane, dueMs: number): void
  onError(kind: string): void
  onClosed(): void
}

/** The number of a message, in hexadecimal digits, so that a lost or a doubled echo is noticed. */
const NUMBER_DIGITS = 8

/** One connection: what is sent on it, and what must come back in the same order. */
export class EchoLane implements ConnectionListener {
  /** Among the lanes of the load. */
  index = 0
  readonly #host: LaneHost
  readonly #message: Buffer
  readonly #expected: Buffer
  /** When the messages were due whose echoes are missing; a ring. */
  readonly #dueMs: Float64Array
  #connection: OutgoingConnection | null = null
  #sent = 0
  #echoed = 0
  #skip: number
  #isDone = false

  constructor(host: LaneHost, payload: Buffer) {
    this.#host = host
    this.#message = Buffer.from(payload)
    this.#expected = Buffer.from(payload)
    this.#dueMs = new Float64Array(host.plan.inFlight)
    this.#skip = host.plan.skip
  }

  get missing(): number {
    return this.#sent - this.#echoed
  }

  get isOpen(): boolean {
    return !this.#isDone && this.#connection?.isOpen === true
  }

  get canSend(): boolean {
    return this.isOpen && this.missing < this.#dueMs.length
  }

  begin(connection: OutgoingConnection, index: number): void {
    this.index = index
    this.#connection = connection
  }

  send(dueMs: number): void {
    this.#dueMs[this.#sent % this.#dueMs.length] = dueMs
    stamp(this.#message, this.#sent)
    this.#sent += 1
    this.#connection?.send(this.#message, !this.#host.plan.isText)
  }

  onMessage(payload: Buffer, isBinary: boolean): void {
    if (this.#isDone) return
    if (this.#skip > 0) {
      this.#skip -= 1
      return
    }
    if (this.missing === 0) return this.#fail('a message that is no echo')
    stamp(this.#expected, this.#echoed)
    if (isBinary === this.#host.plan.isText) {
      return this.#fail(isBinary ? 'binary echo of a text message' : 'text echo of a binary message: see --text')
    }
    if (!payload.equals(this.#expected)) return this.#fail('an echo that differs from the message')
    const dueMs = this.#dueMs[this.#echoed % this.#dueMs.length] as number
    this.#echoed += 1
    this.#host.onEcho(this, dueMs)
  }

  onClosed({ code, reason, error }: Closure): void {
    if (!this.#isDone) {
      const why = error === null ? reason : explain(error)
      this.#host.onError(`closed with ${code}${why === '' ? '' : ` ${why}`}`)
    }
    this.#isDone = true
    this.#host.onClosed()
  }

  /** The load is over. */
  end(): void {
    this.#isDone = true
    this.#connection?.close()
  }

  destroy(): void {
    this.#connection?.destroy()
  }

  #fail(kind: string): void {
    this.#host.onError(this.#echoed === 0 ? `${kind}; if the server greets, --skip 1 ignores that` : kind)
    this.end()
  }
}

/** Messages that are shorter than the number are all alike. */
function stamp(message: Buffer, number: number): void {
  if (message.length < NUMBER_DIGITS) return
  message.write((number >>> 0).toString(16).padStart(NUMBER_DIGITS, '0'), 0, 'latin1')
}
