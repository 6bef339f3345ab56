import { Connection } from './connection.ts'
import type { Endpoint, Load } from './endpoint.ts'
import type { Exchange } from './exchange.ts'

/** Every connection has one message answered, so that nothing lazy is left to allocate, and then only stays. */
export class IdleLoad implements Load {
  readonly #endpoint: Endpoint

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
  }

  async connect({ batch, replies }: Exchange): Promise<void> {
    const { port, opening, traffic, failed } = this.#endpoint
    let answered = (): void => {}
    const isAnswered = new Promise<void>((resolve) => {
      answered = resolve
    })
    const connection = await Connection.open(port, opening, replies, {
      received: (frames, bytes) => {
        traffic.received(frames, bytes)
        if (frames > 0) answered()
      },
      failed,
    })
    connection.write(batch)
    await isAnswered
  }

  start(): void {}
}
