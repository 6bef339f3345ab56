import { performance } from 'node:perf_hooks'
import { clearLine, createInterface, cursorTo, type Interface } from 'node:readline'
import { Signals } from '../../main/signals.ts'
import { CloseCode } from '../../shared/protocol/close-codes.ts'
import { ExitCode } from '../exit-code.ts'
import { explain } from '../explain.ts'
import { type Closure, OutgoingConnection } from '../outgoing-connection.ts'
import type { OpeningRequest } from '../outgoing-request.ts'
import type { Terminal } from '../terminal.ts'
import { readLine } from './line-command.ts'
import { describeBinary, withoutControls } from './shown-message.ts'

export interface Habits {
  /** Milliseconds between pings, null for none. */
  readonly pingMs: number | null
  /** Milliseconds from the end of an input that is no terminal to the close. */
  readonly waitMs: number
  /** Lines are messages, whatever they begin with. */
  readonly isRaw: boolean
}

/** Bytes queued for the server from which on no more input is read. */
const MAX_QUEUED_BYTES = 1024 * 1024
/** Pings whose pongs are awaited; a server that answers none costs no more. */
const MAX_AWAITED_PONGS = 1000

/** Codes that say that all is well. */
const GOOD_CODES: readonly number[] = [CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RECEIVED]

/** One connection, the lines that go into it, and what comes out. */
export class Conversation {
  readonly #terminal: Terminal
  readonly #habits: Habits
  /** There is a prompt, and what is typed outlives what arrives meanwhile. */
  readonly #isInteractive: boolean
  readonly #closed: Promise<Closure>
  #onClosed!: (closure: Closure) => void
  #connection!: OutgoingConnection
  #lines: Interface | null = null
  /** When each ping was sent that has no pong yet. */
  readonly #pingedMs: number[] = []
  readonly #timers: NodeJS.Timeout[] = []
  #didClose = false

  constructor(terminal: Terminal, habits: Habits) {
    this.#terminal = terminal
    this.#habits = habits
    this.#isInteractive = terminal.out.isTerminal && terminal.input.isTTY === true
    this.#closed = new Promise((resolve) => {
      this.#onClosed = resolve
    })
  }

  /** Resolves when the connection has ended, rejects when it cannot be opened. */
  async hold(opening: OpeningRequest): Promise<ExitCode> {
    this.#connection = await OutgoingConnection.open(opening, {
      onMessage: (payload, isBinary) => this.#showMessage(payload, isBinary),
      onPong: () => this.#showPong(),
      onClosed: this.#onClosed,
    })
    const signals = new Signals(
      () => this.#close(),
      () => this.#connection.destroy(),
    )
    const { protocol } = this.#connection
    this.#notice(`connected to ${opening.url.href}${protocol === '' ? '' : ` as ${protocol}`}`)
    const { pingMs } = this.#habits
    if (pingMs !== null) this.#timers.push(setInterval(() => this.#ping(Buffer.alloc(0)), pingMs))
    this.#readLines()
    const closure = await this.#closed
    signals.stop()
    for (const timer of this.#timers) clearTimeout(timer)
    return this.#end(closure)
  }

  #readLines(): void {
    const { input } = this.#terminal
    const output = this.#isInteractive ? process.stdout : undefined
    const lines = createInterface({ input, ...(output && { output }), terminal: this.#isInteractive, prompt: '> ' })
    this.#lines = lines
    lines.on('line', (line) => this.#take(line))
    // In a terminal's raw mode Ctrl-C is a key and no signal.
    lines.on('SIGINT', () => process.emit('SIGINT'))
    lines.on('close', () => this.#onInputEnd())
    if (this.#isInteractive) lines.prompt()
  }

  #take(line: string): void {
    const asked = readLine(line, this.#habits.isRaw)
    switch (asked.kind) {
      case 'send':
        this.#send(asked.text)
        break
      case 'ping':
        this.#ping(asked.payload)
        break
      case 'close':
        this.#close(asked.code, asked.reason)
        break
      case 'nothing':
        this.#notice(asked.why)
        break
    }
    if (this.#isInteractive && this.#connection.isOpen) this.#lines?.prompt()
  }

  #send(text: string): void {
    this.#connection.send(Buffer.from(text), false)
    if (this.#connection.queuedBytes < MAX_QUEUED_BYTES) return
    this.#lines?.pause()
    this.#connection.onDrain(() => this.#lines?.resume())
  }

  #ping(payload: Uint8Array): void {
    if (!this.#connection.isOpen || this.#pingedMs.length >= MAX_AWAITED_PONGS) return
    this.#pingedMs.push(performance.now())
    this.#connection.ping(payload)
  }

  #close(code?: number, reason?: string): void {
    this.#didClose = true
    this.#connection.close(code, reason)
  }

  #onInputEnd(): void {
    const waitMs = this.#isInteractive ? 0 : this.#habits.waitMs
    this.#timers.push(setTimeout(() => this.#close(), waitMs))
  }

  #showMessage(payload: Buffer, isBinary: boolean): void {
    const { out } = this.#terminal
    const text = isBinary ? describeBinary(payload) : payload.toString()
    this.#show(out.isTerminal ? out.paint(isBinary ? 'yellow' : 'cyan', withoutControls(text)) : text)
  }

  /** RFC 6455 §5.5.3: a pong may answer several pings, and one may come unasked. */
  #showPong(): void {
    const sentMs = this.#pingedMs.shift()
    if (sentMs === undefined) this.#notice('a pong that nobody asked for')
    else this.#notice(`pong after ${(performance.now() - sentMs).toFixed(1)} ms`)
  }

  #show(text: string): void {
    this.#print(() => this.#terminal.out.line(text))
  }

  #notice(text: string): void {
    const { err } = this.#terminal
    this.#print(() => err.line(err.paint('dim', withoutControls(text))))
  }

  /** The prompt and what has been typed make room, and come back below. */
  #print(write: () => void): void {
    if (!this.#isInteractive || this.#lines === null) return write()
    cursorTo(process.stdout, 0)
    clearLine(process.stdout, 0)
    write()
    if (this.#connection.isOpen) this.#lines.prompt(true)
  }

  #end({ code, reason, error }: Closure): ExitCode {
    const cause = error === null ? '' : `: ${explain(error)}`
    this.#notice(`closed with ${code}${reason === '' ? '' : ` ${reason}`}${cause}`)
    this.#lines?.removeAllListeners('close')
    this.#lines?.close()
    this.#terminal.input.destroy()
    const isAsAsked = this.#didClose && code !== CloseCode.ABNORMAL_CLOSURE
    return isAsAsked || GOOD_CODES.includes(code) ? ExitCode.FINE : ExitCode.FAILURE
  }
}
