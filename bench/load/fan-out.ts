import { Connection } from './connection.ts'
import type { Endpoint, Load } from './endpoint.ts'
import type { Exchange } from './exchange.ts'
import { clientFrame, FIN_PING } from './frames.ts'
import { afterPong } from './replies.ts'

const PING = clientFrame(Buffer.alloc(0), FIN_PING)

/** The first member publishes a batch; the next one leaves when every member, itself included, has all of it. */
export class FanOutLoad implements Load {
  readonly #endpoint: Endpoint
  #publish: (() => void) | null = null
  #incompleteMembers = 0
  #startedMs = 0

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
  }

  async connect({ batch, replies }: Exchange): Promise<void> {
    const { port, opening, work, traffic, failed } = this.#endpoint
    let awaited = work.inFlight
    let answered = (): void => {}
    const isMember = new Promise<void>((resolve) => {
      answered = resolve
    })
    const member = await Connection.open(port, opening, afterPong(replies, answered), {
      received: (frames, bytes) => {
        traffic.received(frames, bytes)
        awaited -= frames
        if (awaited > 0) return
        if (awaited < 0) return failed('a member received more than was published')
        awaited = work.inFlight
        this.#memberComplete()
      },
      failed,
    })
    // After the 101 the connection may still be on its way to the thread that will serve it; its pong comes from there.
    member.write(PING)
    await isMember
    this.#publish ??= () => {
      this.#incompleteMembers = work.connections
      member.write(batch)
    }
  }

  start(): void {
    this.#startedMs = performance.now()
    this.#publish?.()
  }

  #memberComplete(): void {
    this.#incompleteMembers -= 1
    if (this.#incompleteMembers > 0) return
    this.#startedMs = this.#endpoint.traffic.roundTrip(this.#startedMs)
    this.#publish?.()
  }
}
