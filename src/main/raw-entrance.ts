import type { AddressInfo } from 'node:net'
import { MessageChannel } from 'node:worker_threads'
import { type ErrorCode, ShardwsError } from '../shared/errors.ts'
import { Acceptor } from '../shared/handoff/acceptor.ts'
import type { TlsContexts } from '../shared/messages.ts'
import { AcceptorThread } from './acceptor-thread.ts'
import type { Engine } from './engine.ts'
import { recordRefusal } from './refusal.ts'
import { type AcceptorState, RestartingAcceptor } from './restarting-acceptor.ts'
import type { RunningShard } from './running-shard.ts'
import { acceptorUrl } from './shard-url.ts'

/** The way in on which shards read the request themselves, and speak TLS. */
export class RawEntrance {
  readonly #engine: Engine
  #acceptor: Acceptor | RestartingAcceptor | null = null
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
      onStep: (step, isTaken) => {
        if (step === 'accepting') acceptor.setAccepting(!isTaken)
        else this.#engine.admissions.onRulesChanged()
      },
    })
    this.#engine.newcomers.entrance = this
    return acceptor.listen(port, host)
  }

  // ── from the engine ──

  /** Null: main accepts. */
  get acceptorState(): AcceptorState | null {
    return this.#acceptor instanceof RestartingAcceptor ? this.#acceptor.state : null
  }

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

  async close(): Promise<void> {
    const acceptor = this.#acceptor
    this.#engine.newcomers.entrance = null
    this.#acceptor = null
    await acceptor?.close()
  }

  #createAcceptor(): Acceptor | RestartingAcceptor {
    const { options, shardCounters, strategy } = this.#engine
    if (strategy === 'relay' || strategy === null) {
      throw new ShardwsError('NOT_TRANSFERABLE', `this Node cannot hand over TCP connections: use accept: 'attach'`)
    }
    const { placement, maxPendingHandshakes: maxWaiting, handshakeTimeoutMs: maxWaitMs } = options
    const setup = {
      strategy,
      counters: shardCounters.memory,
      placement: placement === 'round-robin' ? placement : 'least-connections',
      maxWaiting,
      maxWaitMs,
    } as const
    const observer = {
      onTurnedAway: (code: ErrorCode) => recordRefusal(this.#engine, code),
      onError: (error: Error) => this.#engine.onError(error),
    }
    if (options.accept === 'raw') return new Acceptor(setup, observer)
    const thread = { ...options, url: acceptorUrl(options.shardUrl) }
    return new RestartingAcceptor(() => new AcceptorThread(thread, setup, observer), {
      onReplaced: () => this.#introduce(),
      onExited: (error) => this.#onExited(error),
      onDegraded: () => options.logger.error({}, 'acceptor degraded'),
      onStarted: (port) => options.logger.info({ port }, 'acceptor started'),
    })
  }

  /** Its successor is told what it knew. */
  #introduce(): void {
    const acceptor = this.#acceptor
    if (acceptor === null) return
    this.#gates.clear()
    this.#sync(acceptor)
    acceptor.setAccepting(!this.#engine.memory.isTaken('accepting'))
  }

  #onExited(error: Error): void {
    this.#engine.counters.acceptorDeaths++
    this.#engine.options.logger.error({ cause: String(error.cause ?? '') }, 'acceptor exited')
    this.#engine.onError(error)
  }

  /** Those that have a seat get connections, unless they stand still. */
  #sync(acceptor: Acceptor | RestartingAcceptor): void {
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

  #open(shard: RunningShard, acceptor: Acceptor | RestartingAcceptor): void {
    const { handshakeTimeoutMs, maxPendingHandshakes, shards } = this.#engine.options
    const { port1, port2 } = new MessageChannel()
    const front = {
      maxPending: Math.ceil(maxPendingHandshakes / Math.max(1, shards)),
      handshakeTimeoutMs,
      tls: this.#engine.newcomers.tls,
    }
    this.#gates.set(shard.index, shard)
    shard.link.openGate({ kind: 'openGate', port: port1, front })
    this.#engine.admissions.begin(shard)
    acceptor.add(shard.index, port2)
  }
}
