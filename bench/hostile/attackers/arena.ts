import type { Endings, Target } from '../protocol.ts'
import { atMost } from './at-most.ts'
import { Client, handshake } from './client.ts'

/** Connections opened at once: below every listen backlog, so that none is refused by the kernel. */
const CONNECT_BATCH = 100

/** Where one attack takes place: it counts how each of its connections ended. */
export class Arena {
  readonly target: Target
  readonly #clients: Client[] = []
  readonly #endings = new Map<string, number>()

  constructor(target: Target) {
    this.target = target
  }

  /** Attackers who write `request` first, without waiting for the answer. */
  enter(count: number, request: string): Client[] {
    return Array.from({ length: count }, () => {
      const client = new Client(this.target.port, request)
      this.#clients.push(client)
      return client
    })
  }

  /** Attackers whose opening handshake has succeeded; those who were refused are only counted. */
  async open(count: number, request = handshake()): Promise<Client[]> {
    const opened: Client[] = []
    for (let begun = 0; begun < count; begun += CONNECT_BATCH) {
      const batch = this.enter(Math.min(CONNECT_BATCH, count - begun), request)
      await Promise.all(batch.map(({ opened }) => opened))
      opened.push(...batch.filter(({ isOpen }) => isOpen))
    }
    return opened
  }

  /** A connection for every request, `atOnce` of them at a time, each as soon as the one before has its answer. */
  async request(requests: readonly string[], atOnce: number): Promise<void> {
    const queue = requests[Symbol.iterator]()
    const ask = async (): Promise<void> => {
      for (const request of queue) {
        const client = new Client(this.target.port, request)
        if (await client.opened) await client.leave('HTTP 101')
        this.#count(await client.ended)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, ask))
  }

  /** Waits until every attacker has been thrown out, `ms` at most. */
  ended(ms: number): Promise<void> {
    return atMost(ms, Promise.all(this.#clients.map(({ ended }) => ended)))
  }

  /** Hangs up everywhere. */
  async leave(): Promise<Endings> {
    await Promise.all(this.#clients.map((client) => client.leave('still open')))
    for (const { ended } of this.#clients) this.#count(await ended)
    return Object.fromEntries([...this.#endings].sort())
  }

  #count(ending: string): void {
    this.#endings.set(ending, (this.#endings.get(ending) ?? 0) + 1)
  }
}
