import { Connection, READ_BUFFER_BYTES } from './connection.ts'
import type { Endpoint, Load } from './endpoint.ts'
import { clientFrame, FIN_CLOSE, serverFrame } from './frames.ts'
import { RepeatedFrame } from './replies.ts'

/** RFC 6455 §7.4.1: 1000, a normal closure. */
const NORMAL_CLOSURE = Buffer.of(0x03, 0xe8)

const CLOSE = clientFrame(NORMAL_CLOSURE, FIN_CLOSE)
const ANSWER = new RepeatedFrame(serverFrame(NORMAL_CLOSURE, FIN_CLOSE), READ_BUFFER_BYTES)

/** Connects, has its close frame answered with the same code, sees the server close, and connects anew. */
export class ChurnLoad implements Load {
  readonly #endpoint: Endpoint
  #slots = 0

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
  }

  /** Nothing to keep open: a slot connects when the load starts. */
  async connect(): Promise<void> {
    this.#slots += 1
  }

  start(): void {
    for (let slot = 0; slot < this.#slots; slot += 1) this.#connectAnew().catch(this.#fail)
  }

  async #connectAnew(): Promise<void> {
    const { port, opening, traffic, failed } = this.#endpoint
    const startedMs = performance.now()
    let answers = 0
    const connection = await Connection.open(port, opening, ANSWER.replies(), {
      received: (frames, bytes) => {
        answers += frames
        traffic.received(0, bytes)
      },
      failed,
      ended: () => {
        if (answers !== 1) return failed(`${answers} answers to a close frame`)
        traffic.received(1, 0)
        traffic.roundTrip(startedMs)
        this.#connectAnew().catch(this.#fail)
      },
    })
    connection.write(CLOSE)
  }

  readonly #fail = (error: unknown): void => this.#endpoint.failed(String(error))
}
