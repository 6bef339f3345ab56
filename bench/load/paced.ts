import { Connection } from './connection.ts'
import type { Endpoint, Load } from './endpoint.ts'
import type { Exchange } from './exchange.ts'

/** Of one connection: low enough that nothing queues for lack of CPU. */
const MESSAGES_PER_SECOND = 20
const TICK_MS = 1

/** Connections take turns at fixed times, whatever became of earlier messages: a server that stalls is not spared. */
export class PacedLoad implements Load {
  readonly #endpoint: Endpoint
  readonly #senders: Array<() => void> = []

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
  }

  async connect({ batch, replies }: Exchange): Promise<void> {
    const { port, opening, traffic, failed } = this.#endpoint
    const sentMs: number[] = []
    const connection = await Connection.open(port, opening, replies, {
      received: (frames, bytes) => {
        traffic.received(frames, bytes)
        for (let frame = 0; frame < frames; frame += 1) {
          const sent = sentMs.shift()
          if (sent === undefined) return failed('more echoes than messages')
          traffic.roundTrip(sent)
        }
      },
      failed,
    })
    this.#senders.push(() => {
      sentMs.push(performance.now())
      connection.write(batch)
    })
  }

  start(): void {
    const perMs = (this.#senders.length * MESSAGES_PER_SECOND) / 1000
    const startedMs = performance.now()
    let sent = 0
    setInterval(() => {
      for (const due = (performance.now() - startedMs) * perMs; sent < due; sent += 1) {
        this.#senders[sent % this.#senders.length]?.()
      }
    }, TICK_MS)
  }
}
