import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { MessagePort } from 'node:worker_threads'
import { Counter, type CounterRow, Counters } from '../counters.ts'
import type { ErrorCode } from '../errors.ts'
import { MemoryPressure } from '../memory-pressure.ts'
import { Sweep } from '../sweep.ts'
import type { StrategyName, TakerSetup, Ticket } from '../ticket.ts'
import { setAccepting } from './accepting.ts'
import { createGiver } from './handoff.ts'
import { type AcceptPipe, acceptIpcPipe } from './ipc-pipe.ts'
import type { Giver } from './strategy.ts'

/** How late it may be noticed that nobody has taken a connection in time. */
const SWEEP_MS = 250

/** What an acceptor tells a shard, over the port between them. */
export type Arrival =
  /** First of all: how to take what follows. */
  | { readonly kind: 'accept'; readonly taker: TakerSetup }
  /** A connection of which nothing has been read. */
  | { readonly kind: 'incoming'; readonly ticket: Ticket }
  /** Nothing follows. The shard closes the port when everything that came before has arrived. */
  | { readonly kind: 'shut' }

export interface AcceptorSetup {
  readonly strategy: StrategyName
  readonly counters: SharedArrayBuffer
  readonly placement: 'least-connections' | 'round-robin'
  /** Connections that may wait for a shard, and for how many milliseconds. */
  readonly maxWaiting: number
  readonly maxWaitMs: number
}

export interface AcceptorObserver {
  /** A connection was closed because no shard could take it. */
  onTurnedAway(code: ErrorCode): void
  onError(error: Error): void
}

/** The way into one shard. */
interface Gate {
  readonly port: MessagePort
  readonly row: CounterRow
  /** Null until this thread is ready to give. */
  giver: Giver | null
  isOpen: boolean
  /** Connections given, and what the shard's count of those that it is done with was before. */
  given: number
  readonly base: number
}

/** Accepts TCP connections and gives them, unread, to the shards. Runs on main or on a thread of its own. */
export class Acceptor {
  readonly #setup: AcceptorSetup
  readonly #observer: AcceptorObserver
  readonly #acceptPipe: AcceptPipe
  readonly #counters: Counters
  readonly #server: Server
  readonly #gates = new Map<number, Gate>()
  /** Connections that no shard could take yet, and since when; oldest first. */
  readonly #waiting = new Map<Socket, number>()
  readonly #sweep = new Sweep(SWEEP_MS, (nowMs) => this.#endOverdue(nowMs))
  /** Gates that are being built. */
  readonly #building = new Set<Promise<void>>()
  #turn = 0

  /** `acceptPipe`: see `createGiver`. */
  constructor(setup: AcceptorSetup, observer: AcceptorObserver, acceptPipe: AcceptPipe = acceptIpcPipe) {
    this.#setup = setup
    this.#observer = observer
    this.#acceptPipe = acceptPipe
    this.#counters = new Counters(setup.counters)
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket))
    this.#server.on('drop', () => this.#observer.onTurnedAway('MEMORY_SHORT'))
  }

  /** Begins when whoever was added can be given something. Rejects with the error of `net.Server.listen`. */
  async listen(port: number, host: string | undefined): Promise<AddressInfo> {
    await Promise.all(this.#building)
    this.#server.listen(port, host)
    await once(this.#server, 'listening')
    // Accepting goes on after that, say when there were no descriptors.
    this.#server.on('error', (error) => this.#observer.onError(error))
    return this.#server.address() as AddressInfo
  }

  /** A shard takes connections from now on, over the other end of this port. */
  add(index: number, port: MessagePort): void {
    const row = this.#counters.row(index)
    const gate: Gate = { port, row, giver: null, isOpen: true, given: 0, base: row.get(Counter.ARRIVALS_ENDED) }
    this.#gates.set(index, gate)
    port.on('close', () => this.#forget(index, gate))
    const built = createGiver(this.#setup.strategy, this.#acceptPipe).then(
      ({ giver, setup }) => this.#begin(gate, giver, setup),
      (error: Error) => this.#observer.onError(error),
    )
    this.#building.add(built)
    void built.then(() => this.#building.delete(built))
  }

  /** Whether a shard should be given more. One that never was added is ignored. */
  setOpen(index: number, isOpen: boolean): void {
    const gate = this.#gates.get(index)
    if (gate === undefined) return
    gate.isOpen = isOpen
    if (isOpen) this.#giveWaiting()
  }

  /** A shard gets nothing more. What is on its way arrives. */
  remove(index: number): void {
    const gate = this.#gates.get(index)
    if (gate === undefined) return
    gate.isOpen = false
    gate.port.postMessage({ kind: 'shut' } satisfies Arrival)
  }

  /** Whether there is memory for who connects. */
  setAccepting(isAccepting: boolean): void {
    setAccepting(this.#server, isAccepting)
  }

  /** Accepts nobody any more. */
  stopListening(): void {
    this.#server.close()
    for (const socket of [...this.#waiting.keys()]) this.#turnAway(socket, 'SHUTTING_DOWN')
  }

  /** Lets go of everything. */
  close(): void {
    this.stopListening()
    for (const [index, gate] of [...this.#gates]) {
      gate.port.close()
      this.#forget(index, gate)
    }
  }

  #begin(gate: Gate, giver: Giver, taker: TakerSetup): void {
    gate.port.postMessage({ kind: 'accept', taker } satisfies Arrival)
    if (![...this.#gates.values()].includes(gate)) return giver.close()
    gate.giver = giver
    this.#giveWaiting()
  }

  /** By index only if it is still this one: a row has several lives. */
  #forget(index: number, gate: Gate): void {
    if (this.#gates.get(index) === gate) this.#gates.delete(index)
    gate.isOpen = false
    gate.giver?.close()
    gate.giver = null
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {})
    const gate = this.#choose()
    if (gate !== null) this.#give(socket, gate)
    else this.#await(socket)
  }

  #await(socket: Socket): void {
    if (this.#waiting.size >= this.#setup.maxWaiting) return this.#turnAway(socket, 'NO_SHARD')
    this.#sweep.start()
    this.#waiting.set(socket, this.#sweep.nowMs)
    socket.once('close', () => this.#waiting.delete(socket))
  }

  #giveWaiting(): void {
    for (const socket of [...this.#waiting.keys()]) {
      const gate = this.#choose()
      if (gate === null) return
      this.#waiting.delete(socket)
      this.#give(socket, gate)
    }
    this.#sweep.stop()
  }

  #endOverdue(nowMs: number): void {
    this.#giveWaiting()
    for (const [socket, sinceMs] of this.#waiting) {
      if (nowMs - sinceMs < this.#setup.maxWaitMs) return
      this.#turnAway(socket, 'NO_SHARD')
    }
  }

  /** Nothing of it was read: whether it speaks HTTP or TLS is not known, so it gets no answer. */
  #turnAway(socket: Socket, code: ErrorCode): void {
    this.#waiting.delete(socket)
    socket.destroy()
    this.#observer.onTurnedAway(code)
  }

  #give(socket: Socket, gate: Gate): void {
    try {
      gate.giver?.give(socket, (ticket, transfer) => {
        gate.port.postMessage({ kind: 'incoming', ticket } satisfies Arrival, transfer)
      })
      gate.given++
    } catch {
      // It has closed meanwhile, or there is no descriptor for the copy that the shard would get.
      if (!socket.destroyed) this.#turnAway(socket, 'NOT_TRANSFERABLE')
    }
  }

  /** In turn, and for 'least-connections' the one with the fewest among those whose turn it could be. */
  #choose(): Gate | null {
    this.#turn++
    const gates = [...this.#gates.values()]
    let chosen: Gate | null = null
    for (let i = 0; i < gates.length; i++) {
      const gate = gates[(this.#turn + i) % gates.length] as Gate
      if (!gate.isOpen || gate.giver === null) continue
      if (gate.row.get(Counter.MEMORY_PRESSURE) >= MemoryPressure.NO_PLACEMENT) continue
      if (this.#setup.placement === 'round-robin') return gate
      if (chosen === null || loadOf(gate) < loadOf(chosen)) chosen = gate
    }
    return chosen
  }
}

/** Connections that are open there, and those that were given and are not yet. */
function loadOf({ base, given, row }: Gate): number {
  return row.get(Counter.CONNECTIONS) + given - (row.get(Counter.ARRIVALS_ENDED) - base)
}
