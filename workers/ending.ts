import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { ReadyState } from '../src/shared/connection-table.ts'
import { Counter } from '../src/shared/counters.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import type { ShardOptions } from '../src/shared/messages.ts'
import { CloseCode, encodeCloseBody } from '../src/shared/protocol/close-codes.ts'
import { FIN, Opcode } from '../src/shared/protocol/opcodes.ts'
import { isFarewell, isWorthReconnecting } from '../src/shared/protocol/worth-reconnecting.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { ConnectionListener } from './connection-listener.ts'
import type { Deadlines } from './deadlines.ts'
import type { Inbound } from './inbound.ts'
import type { Outbound } from './outbound.ts'

const CLOSE_FRAME = FIN | Opcode.CLOSE

const NO_BYTES = new Uint8Array(0)

/** How long a peer may take to close its end after we have closed ours; then the socket is destroyed. */
const LINGER_MS = 1000

/** A connection that ends, and what of it goes on until then. */
interface EndingConnection {
  readonly key: ConnectionKey
  readonly readyState: ReadyState
  readonly listener: ConnectionListener | null
  readonly inbound: Pick<Inbound, 'awaitClose' | 'hasReachedMain' | 'resume' | 'stop'>
  readonly outbound: Pick<Outbound, 'end' | 'sendControl'>
  readonly deadlines: Pick<Deadlines, 'endWithin'>
  setReadyState(state: ReadyState): void
  /** Ends it without a closing handshake. */
  terminate(): void
  /** A limit that this option sets has taken effect. */
  limit(counter: Counter, option: keyof ShardOptions): void
}

/** How one connection ends, from the first sign of that on: who closes it, with what code, and how long that may take. */
export class Ending {
  readonly #connection: EndingConnection
  readonly #context: ConnectionContext
  #code: number = CloseCode.ABNORMAL_CLOSURE
  #reason = ''
  /** What follows once main has answered what came before. */
  #conclusion: (() => void) | null = null
  /** The peer owes us a close frame. */
  #awaitsClose = false

  constructor(connection: EndingConnection, context: ConnectionContext) {
    this.#connection = connection
    this.#context = context
  }

  get code(): number {
    return this.#code
  }

  get reason(): string {
    return this.#reason
  }

  /** By the peer, and main may still answer what came before. */
  get isPending(): boolean {
    return this.#conclusion !== null
  }

  /** Begins the closing handshake (RFC 6455 §7.1.2) of one that is open. */
  begin(code: number, reason: string): void {
    this.#sendClose(code, reason)
    this.#connection.setReadyState(ReadyState.CLOSING)
    this.#awaitsClose = true
    this.#connection.deadlines.endWithin(this.#context.options.closeTimeoutMs, this.#context.clock.exactNow)
    this.#connection.inbound.awaitClose()
  }

  /** It ends without a closing handshake, for this reason. */
  because(reason: string): void {
    this.#reason = reason
  }

  /** The peer has sent a close frame. */
  onPeerClose(code: number, reason: string): void {
    this.#code = code
    this.#reason = reason
    const { key, readyState } = this.#connection
    if (readyState === ReadyState.OPEN && isFarewell(code)) this.#context.table.endSession(key)
    this.#afterMain(() => this.#answerClose(code))
  }

  /** The peer has closed its end of the TCP connection. */
  onEnd(): void {
    this.#connection.inbound.stop()
    this.#afterMain(() => this.#finish())
  }

  onTransportError(error: NodeJS.ErrnoException): void {
    // A reset after the closing handshake has begun is the end that was wanted.
    if (this.#connection.readyState !== ReadyState.OPEN || this.isPending) return
    this.#context.counters.add(Counter.TRANSPORT_ERRORS, 1)
    this.#context.counters.countFailure('TRANSPORT_FAILED')
    this.#report(new ShardwsError('TRANSPORT_FAILED', error.code ?? error.message))
  }

  /** The peer broke a rule: nothing more of it counts. */
  refuse(violation: ShardwsError): void {
    this.#connection.inbound.stop()
    this.#context.counters.add(Counter.PROTOCOL_ERRORS, 1)
    this.#afterMain(() => this.fail(violation))
  }

  /** RFC 6455 §7.1.7: say why, then close the TCP connection; what the peer still sends is ignored. */
  fail(error: ShardwsError): void {
    this.#connection.inbound.stop()
    this.#code = error.closeCode ?? CloseCode.ABNORMAL_CLOSURE
    this.#reason = error.message
    this.#context.counters.countFailure(error.code)
    this.#report(error)
    // Whoever heard of it may have closed it.
    if (this.#connection.readyState === ReadyState.OPEN) this.#sendClose(this.#code, error.message)
    this.#finish()
  }

  /** Main has had the chance to answer everything that this peer sent. */
  conclude(): void {
    const conclusion = this.#conclusion
    this.#conclusion = null
    conclusion?.()
  }

  /** It has taken too long. */
  giveUp(): void {
    if (this.isPending) return this.conclude()
    if (this.#awaitsClose) this.#connection.limit(Counter.CLOSE_TIMEOUTS, 'closeTimeoutMs')
    this.#connection.terminate()
  }

  /**
   * The peer has sent its last: lets main answer what came before, as a handler on the same thread would have
   * done, and then ends the connection. A main thread that is blocked is not waited for longer than `LINGER_MS`.
   */
  #afterMain(conclusion: () => void): void {
    if (this.isPending) return
    const { deadlines, inbound, key } = this.#connection
    if (!inbound.hasReachedMain) {
      conclusion()
      return
    }
    this.#conclusion = conclusion
    deadlines.endWithin(LINGER_MS, this.#context.clock.exactNow)
    inbound.resume()
    this.#context.link.finished(key)
  }

  #sendClose(code: number, reason: string): void {
    const { key, outbound } = this.#connection
    if (!isWorthReconnecting(code)) this.#context.table.endSession(key)
    outbound.sendControl(CLOSE_FRAME, encodeCloseBody(code, reason))
  }

  #answerClose(code: number): void {
    const { outbound, readyState } = this.#connection
    // RFC 6455 §5.5.1: answer with a close frame, echoing the code, unless one was sent already.
    if (readyState === ReadyState.OPEN) {
      outbound.sendControl(CLOSE_FRAME, code === CloseCode.NO_STATUS_RECEIVED ? NO_BYTES : encodeCloseBody(code, ''))
    }
    this.#finish()
  }

  /** RFC 6455 §7.1.1: the server closes the TCP connection first, and waits for the peer to do the same. */
  #finish(): void {
    const { deadlines, inbound, outbound } = this.#connection
    this.#connection.setReadyState(ReadyState.CLOSING)
    this.#awaitsClose = false
    deadlines.endWithin(LINGER_MS, this.#context.clock.exactNow)
    inbound.awaitClose()
    inbound.resume()
    outbound.end()
  }

  #report(error: ShardwsError): void {
    const { key, listener } = this.#connection
    if (listener === null) this.#context.link.failed(key, error.code, error.message)
    else listener.failed(error)
  }
}
