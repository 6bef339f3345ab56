import { Connection } from './connection.ts'
import type { Endpoint, Load } from './endpoint.ts'
import type { Exchange } from './exchange.ts'

/** Every connection writes a batch, waits for all its echoes, and writes the next. */
export class EchoLoad implements Load {
  readonly #endpoint: Endpoint
  readonly #starters: Array<() => void> = []

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
  }

  async connect({ batch, replies }: Exchange): Promise<void> {
    const { port, opening, work, traffic, failed } = this.#endpoint
    let awaited = work.inFlight
    let startedMs = 0
    const connection = await Connection.open(port, opening, replies, {
      received: (frames, bytes) => {
        traffic.received(frames, bytes)
        awaited -= frames
        if (awaited > 0) return
        if (awaited < 0) return failed('more echoes than messages')
        awaited = work.inFlight
        startedMs = traffic.roundTrip(startedMs)
        connection.write(batch)
      },
      failed,
    })
    this.#starters.push(() => {
      startedMs = performance.now()
      connection.write(batch)
    })
  }

  start(): void {
    for (const start of this.#starters) start()
  }
}
