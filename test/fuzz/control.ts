import { encodeFrame, RawOpcode } from '../fixtures/raw-frame.ts'
import { upgradeRequest } from '../fixtures/raw-request.ts'
import { RawSocket } from '../fixtures/raw-socket.ts'
import { Transcript } from './transcript.ts'

/** Far beyond what an echo takes on a busy machine. */
const DEADLINE_MS = 10_000
const EVERY_MS = 5

/** A connection that behaves, next to those that do not: it must never notice them. */
export class ControlConnection {
  readonly #socket: RawSocket
  readonly #transcript = new Transcript()
  #echoes = 0
  #isStopped = false
  /** Settles when it has stopped; with what went wrong, or null. */
  #running: Promise<string | null> = Promise.resolve(null)
  #fault: string | null = null

  static async open(port: number): Promise<ControlConnection> {
    const control = new ControlConnection(await RawSocket.open(port, DEADLINE_MS))
    control.#socket.write(upgradeRequest())
    await control.#socket.waitFor('a 101', () => (control.#transcript.isOpen ? true : undefined))
    control.#running = control.#run().catch((error: Error) => (control.#fault = error.message))
    return control
  }

  private constructor(socket: RawSocket) {
    this.#socket = socket
    socket.onBytes = (bytes) => this.#transcript.take(bytes)
  }

  /** What it has noticed, null for nothing; waits for one more echo, which must come. */
  async check(): Promise<string | null> {
    const seen = this.#echoes
    await this.#socket
      .waitFor('one more echo', () => (this.#echoes > seen ? true : undefined))
      .catch((error: Error) => {
        this.#fault ??= error.message
      })
    return this.#fault ?? this.#transcript.violations[0] ?? null
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#socket.destroy()
    await this.#running
  }

  async #run(): Promise<null> {
    while (!this.#isStopped) {
      const wanted = String(this.#echoes)
      this.#socket.write(encodeFrame({ opcode: RawOpcode.Text, payload: wanted }))
      const { payload } = await this.#socket.waitFor(`echo ${wanted}`, () => this.#transcript.messages.shift())
      if (payload.toString() !== wanted) throw new Error(`echo ${payload} instead of ${wanted}`)
      this.#echoes += 1
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
    }
    return null
  }
}
