import type { AddressInfo } from 'node:net'
import { MessageChannel } from 'node:worker_threads'
import { ShardwsError } from '../shared/errors.ts'
import { Acceptor } from '../shared/handoff/acceptor.ts'
import type { TlsContexts } from '../shared/messages.ts'
import type { Engine } from './engine.ts'
import { recordRefusal } from './refusal.ts'
import type { RunningShard } from './running-shard.ts'

/** The way in on which shards read the request themselves, and speak TLS. */
export class RawEntrance {
  readonly #engine: Engine
  #acceptor: Acceptor | null = null
  /** The shards that get connections, by index. */
  readonly #gates = new Map<number, RunningShard>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Once the shards are ready. Rejects with NOT_TRANSFERABLE and with the error of `net.Server.listen`. */
  async listen(port: number, host: string | undefined): Promise<AddressInfo> {
    const acceptor = this.#createAcceptor()
    this.#acceptor = acceptor
    this.#sync(acceptor)
    this.#engine.memory.observe({
      onStep(step, isTaken) {
        if (step === 'accepting') acceptor.setAccepting(!isTaken)
      },
    })
    this.#engine.newcomers.entrance = this
    return acceptor.listen(port, host)
  }

  // ── from the engine ──

  onSeatsChanged(): void {
    if (this.#acceptor !== null) this.#sync(this.#acceptor)
  }

  /** For connections that come from now on. */
  onSecured(contexts: TlsContexts): void {
    for (const { link } of this.#gates.values()) link.secure({ kind: 'secure', tls: contexts })
  }

  stopListening(): void {
    this.#acceptor?.stopListening()
  }

  close(): void {
    this.#engine.newcomers.entrance = null
    this.#acceptor?.close()
    this.#acceptor = null
  }

  #createAcceptor(): Acceptor {
    const { options, shardCounters, strategy } = this.#engine
    if (strategy === 'relay' || strategy === null) {
      throw new ShardwsError('NOT_TRANSFERABLE', `this Node cannot hand over TCP connections: use accept: 'attach'`)
    }
    const { placement, maxPendingHandshakes: maxWaiting, handshakeTimeoutMs: maxWaitMs } = options
    const setup = { strategy, counters: shardCounters.memory, maxWaiting, maxWaitMs }
    return new Acceptor(
      { ...setup, placement: placement === 'round-robin' ? placement : 'least-connections' },
      {
        onTurnedAway: (code) => recordRefusal(this.#engine, code),
        onError: (error) => this.#engine.onError(error),
      },
    )
  }

  /** Those that have a seat get connections, unless they stand still. */
  #sync(acceptor: Acceptor): void {
    const seated = this.#engine.supervisor.seats.filter((shard) => shard?.isRunning) as RunningShard[]
    for (const [index, shard] of this.#gates) {
      if (seated.includes(shard)) continue
      this.#gates.delete(index)
      acceptor.remove(index)
    }
    for (const shard of seated) {
      if (this.#gates.has(shard.index)) acceptor.setOpen(shard.index, shard.isAdopting)
      else this.#open(shard, acceptor)
    }
  }

  #open(shard: RunningShard, acceptor: Acceptor): void {
    const { handshakeTimeoutMs, maxPendingHandshakes, shards } = this.#engine.options
    const { port1, port2 } = new MessageChannel()
    const front = {
      maxPending: Math.ceil(maxPendingHandshakes / Math.max(1, shards)),
      handshakeTimeoutMs,
      tls: this.#engine.newcomers.tls,
    }
    this.#gates.set(shard.index, shard)
    shard.link.openGate({ kind: 'openGate', port: port1, front })
    acceptor.add(shard.index, port2)
  }
}
