import type { Work } from '../works.ts'
import { Connection } from './connection.ts'
import type { ExpectedStream } from './expected-stream.ts'
import type { Traffic } from './traffic.ts'

/** Every connection writes a batch, waits for all its echoes, and writes the next. */
export class EchoLoad {
  readonly #batch: Buffer
  readonly #work: Work
  readonly #traffic: Traffic
  readonly #starters: Array<() => void> = []

  constructor(work: Work, batch: Buffer, traffic: Traffic) {
    this.#work = work
    this.#batch = batch
    this.#traffic = traffic
  }

  async connect(port: number, expected: ExpectedStream, failed: (reason: string) => void): Promise<void> {
    let awaited = this.#work.inFlight
    let startedMs = 0
    const connection = await Connection.open(port, '/echo', expected, {
      received: (frames) => {
        this.#traffic.messages += frames
        awaited -= frames
        if (awaited > 0) return
        if (awaited < 0) return failed('more echoes than messages')
        awaited = this.#work.inFlight
        startedMs = this.#traffic.roundTrip(startedMs)
        connection.write(this.#batch)
      },
      failed,
    })
    this.#starters.push(() => {
      startedMs = performance.now()
      connection.write(this.#batch)
    })
  }

  start(): void {
    for (const start of this.#starters) start()
  }
}
