import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionKey } from '../shared/connection-key.ts'
import { type ErrorCode, ShardwsError } from '../shared/errors.ts'
import { holdReading } from '../shared/handoff/reading.ts'
import { type OpeningHandshake, validateUpgrade } from '../shared/protocol/handshake.ts'
import { type Agreement, keepsContext, negotiate, withoutTakeover } from '../shared/protocol/permessage-deflate.ts'
import { Handshake, type HandshakeContext } from './handshake.ts'
import type { MainCounters } from './main-counters.ts'
import type { ResolvedOptions } from './options.ts'
import { compileOrigins } from './origin.ts'
import type { PeerRegistry } from './peer-registry.ts'
import { endPendingRequest } from './pending-requests.ts'
import { LeastConnections } from './placement.ts'
import { formatAnswer, recordRefusal, refuse } from './refusal.ts'
import type { RunningShard } from './running-shard.ts'
import type { Supervisor } from './supervisor.ts'
import { Sweep } from './sweep.ts'

/** How late a deadline of a handshake may be noticed. */
const SWEEP_MS = 50

interface UpgradeHost {
  readonly options: ResolvedOptions
  readonly counters: MainCounters
  readonly peers: PeerRegistry
  readonly supervisor: Supervisor
  /** Connections that keep compression contexts. */
  readonly contexts: number
  onOpened(handshake: Handshake, shard: RunningShard): void
  onError(error: Error): void
}

/** All opening handshakes under way. */
export class Upgrades implements HandshakeContext {
  readonly options: ResolvedOptions
  readonly counters: MainCounters
  readonly #host: UpgradeHost
  readonly #placement = new LeastConnections()
  readonly #isOriginAllowed: (origin: string) => boolean
  readonly #handshakes = new Map<ConnectionKey, Handshake>()
  readonly #sweep = new Sweep(SWEEP_MS, (nowMs) => {
    for (const handshake of this.#handshakes.values()) handshake.sweep(nowMs)
  })
  /** Contexts agreed on with clients whose connection is not open yet. */
  #promisedContexts = 0
  #isClosed = false

  constructor(host: UpgradeHost) {
    this.options = host.options
    this.counters = host.counters
    this.#host = host
    this.#isOriginAllowed = compileOrigins(host.options.allowOrigins)
  }

  /** To be called in the `upgrade` event's own tick. Never throws for what the client did. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    holdReading(socket)
    socket.on('error', () => {})
    const waitedMs = endPendingRequest(socket)
    const opening = this.#check(request)
    if (opening instanceof ShardwsError) {
      this.reject(socket, opening)
      return
    }
    const key = this.#host.peers.claim()
    if (key === null) {
      this.reject(socket, new ShardwsError('OVER_CAPACITY'))
      return
    }
    this.#sweep.start()
    const dueMs = this.nowMs + this.options.handshakeTimeoutMs - waitedMs
    const handshake = new Handshake(key, this, { request, socket, head }, dueMs)
    this.#handshakes.set(key, handshake)
    // It answers the client itself in every case; what can reject is a listener of the application.
    handshake.run(opening).catch((error: Error) => {
      this.onError(error)
      handshake.fail('VERIFY_FAILED')
    })
  }

  get nowMs(): number {
    return this.#sweep.nowMs
  }

  /** Refuses a request that is no handshake of ours. */
  reject(socket: Duplex, error: ShardwsError): void {
    recordRefusal(this, error.code, error.message)
    refuse(socket, formatAnswer(error))
  }

  /** From now on everyone is refused. */
  close(): void {
    this.#isClosed = true
    for (const handshake of [...this.#handshakes.values()]) handshake.fail('SHUTTING_DOWN')
  }

  onReserved(shard: RunningShard, key: ConnectionKey): void {
    this.#handshakes.get(key)?.onReserved(shard)
  }

  onShardEnded(shard: RunningShard): void {
    for (const handshake of [...this.#handshakes.values()]) handshake.onShardEnded(shard)
  }

  agree({ extensions }: OpeningHandshake): Agreement | null {
    const { deflatePolicy, shard, shards } = this.options
    if (deflatePolicy === null || shard.compression === null || extensions.length === 0) return null
    const contexts = this.#host.contexts + this.#promisedContexts
    const mayKeep = contexts < shard.compression.maxDedicatedContexts * Math.max(1, shards)
    const policy = mayKeep ? deflatePolicy : withoutTakeover(deflatePolicy)
    const agreement = negotiate(extensions, policy)
    if (agreement !== null && keepsContext(agreement)) this.#promisedContexts++
    return agreement
  }

  chooseShard(): RunningShard | undefined {
    return this.#placement.choose(this.#host.supervisor.shards)
  }

  awaitShard(callback: () => void): boolean {
    if (this.#isClosed || !this.#host.supervisor.isStarting) return false
    this.#host.supervisor.onceAdopting(callback)
    return true
  }

  cancelAwait(callback: () => void): void {
    this.#host.supervisor.cancelOnceAdopting(callback)
  }

  onRefused(handshake: Handshake, code: ErrorCode): void {
    recordRefusal(this, code)
    this.#release(handshake)
  }

  onGiven(handshake: Handshake, shard: RunningShard): void {
    this.#forget(handshake)
    this.#host.onOpened(handshake, shard)
  }

  onAbandoned(handshake: Handshake): void {
    this.counters.abandoned++
    this.#release(handshake)
  }

  onLost(handshake: Handshake): void {
    this.counters.lostInHandoff++
    this.#release(handshake)
  }

  onError(error: Error): void {
    this.#host.onError(error)
  }

  #check(request: IncomingMessage): OpeningHandshake | ShardwsError {
    if (this.#isClosed) return new ShardwsError('SHUTTING_DOWN')
    const { method = '', httpVersion, url = '', rawHeaders } = request
    const opening = validateUpgrade({ method, httpVersion, url, rawHeaders }, this.options)
    if (opening instanceof ShardwsError) return opening
    if (this.#handshakes.size >= this.options.maxPendingHandshakes) return new ShardwsError('TOO_MANY_HANDSHAKES')
    if (opening.origin === undefined) {
      return this.options.requireOrigin ? new ShardwsError('ORIGIN_FORBIDDEN', 'an Origin is required') : opening
    }
    try {
      if (this.#isOriginAllowed(opening.origin)) return opening
    } catch (error) {
      this.onError(error as Error)
    }
    return new ShardwsError('ORIGIN_FORBIDDEN')
  }

  #forget(handshake: Handshake): void {
    this.#handshakes.delete(handshake.key)
    if (this.#handshakes.size === 0) this.#sweep.stop()
    if (handshake.agreement !== null && keepsContext(handshake.agreement)) this.#promisedContexts--
  }

  #release(handshake: Handshake): void {
    this.#forget(handshake)
    if (handshake.shard !== null) handshake.shard.assigned--
    this.#host.peers.release(handshake.key)
  }
}
