import type { Socket } from 'node:net'
import type { MessagePort } from 'node:worker_threads'
import type { Arrival } from '../src/shared/handoff/acceptor.ts'
import { createTaker } from '../src/shared/handoff/handoff.ts'
import type { Taker } from '../src/shared/handoff/strategy.ts'
import type { Ticket } from '../src/shared/ticket.ts'

/** What one life of an acceptor gives to this shard. */
export class Arrivals {
  readonly #port: MessagePort
  readonly #admit: (socket: Socket | null) => void
  #taker: Taker | null = null
  /** Connections that were announced and have not arrived. */
  #awaited = 0
  #isShut = false

  /** `admit` gets null for one that does not arrive. */
  constructor(port: MessagePort, admit: (socket: Socket | null) => void) {
    this.#port = port
    this.#admit = admit
    port.on('message', (arrival: Arrival) => this.#receive(arrival))
    // The acceptor may have died: what it has given before arrives.
    port.on('close', () => this.#shut())
  }

  /** Whether nothing follows. */
  get isShut(): boolean {
    return this.#isShut
  }

  /** What is on its way is lost. */
  stop(): void {
    this.#isShut = true
    this.#port.close()
    this.#taker?.close()
  }

  #receive(arrival: Arrival): void {
    if (arrival.kind === 'accept') this.#begin(createTaker(arrival.taker))
    else if (arrival.kind === 'incoming') this.#await(arrival.ticket)
    else this.#shut()
  }

  #begin(taker: Taker): void {
    this.#taker = taker
    // The acceptor has died already.
    taker.ready.catch(() => taker.close())
  }

  #await(ticket: Ticket): void {
    this.#awaited++
    this.#taker?.take(ticket, null, (socket) => {
      this.#awaited--
      this.#admit(socket as Socket | null)
      if (this.#isShut) this.#endIfEmpty()
    })
  }

  #shut(): void {
    this.#isShut = true
    this.#endIfEmpty()
  }

  #endIfEmpty(): void {
    if (this.#awaited === 0) this.stop()
  }
}
