import type { Work } from '../works.ts'
import { Connection } from './connection.ts'
import type { ExpectedStream } from './expected-stream.ts'
import type { Traffic } from './traffic.ts'

/** The first member publishes a batch; the next one leaves when every member, itself included, has all of it. */
export class FanOutLoad {
  readonly #batch: Buffer
  readonly #work: Work
  readonly #traffic: Traffic
  #publisher: Connection | null = null
  #incompleteMembers = 0
  #startedMs = 0

  constructor(work: Work, batch: Buffer, traffic: Traffic) {
    this.#work = work
    this.#batch = batch
    this.#traffic = traffic
  }

  async connect(port: number, expected: ExpectedStream, failed: (reason: string) => void): Promise<void> {
    let awaited = this.#work.inFlight
    const member = await Connection.open(port, '/fanout', expected, {
      received: (frames) => {
        this.#traffic.messages += frames
        awaited -= frames
        if (awaited > 0) return
        if (awaited < 0) return failed('a member received more than was published')
        awaited = this.#work.inFlight
        this.#memberComplete()
      },
      failed,
    })
    this.#publisher ??= member
  }

  start(): void {
    this.#startedMs = performance.now()
    this.#publish()
  }

  #memberComplete(): void {
    this.#incompleteMembers -= 1
    if (this.#incompleteMembers > 0) return
    this.#startedMs = this.#traffic.roundTrip(this.#startedMs)
    this.#publish()
  }

  #publish(): void {
    this.#incompleteMembers = this.#work.connections
    this.#publisher?.write(this.#batch)
  }
}
