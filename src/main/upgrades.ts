import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionKey } from '../shared/connection-key.ts'
import { Counter, type Counters } from '../shared/counters.ts'
import { ERRORS, type ErrorCode, ShardwsError } from '../shared/errors.ts'
import type { Verdict } from '../shared/handler.ts'
import { endPendingRequest } from '../shared/handoff/pending-requests.ts'
import { holdReading } from '../shared/handoff/reading.ts'
import { type Answer, formatAnswer, refuse, retryAfter } from '../shared/handoff/refusal.ts'
import { compileOrigins } from '../shared/origin.ts'
import { type OpeningHandshake, splitTarget, validateUpgrade } from '../shared/protocol/handshake.ts'
import { type Agreement, keepsContext, negotiate, withoutTakeover } from '../shared/protocol/permessage-deflate.ts'
import type { RouteMatch } from '../shared/route-match.ts'
import type { Router } from '../shared/router.ts'
import { Sweep } from '../shared/sweep.ts'
import type { UpgradeRequest } from '../shared/upgrade-request.ts'
import { decodeValue } from '../shared/values.ts'
import { AddressGuard } from './address-guard.ts'
import { peerAddress } from './client-address.ts'
import { diagnostics, type HandshakeResult } from './diagnostics.ts'
import { Handshake, type HandshakeContext } from './handshake.ts'
import type { MainCounters } from './main-counters.ts'
import type { ResolvedOptions } from './options.ts'
import type { PeerLifecycle } from './peer-lifecycle.ts'
import type { PeerRegistry } from './peer-registry.ts'
import { createPlacement, type Placement } from './placement.ts'
import type { ProcessMemory } from './process-memory.ts'
import { recordRefusal } from './refusal.ts'
import { RemoteSocket } from './remote-socket.ts'
import type { RunningShard } from './running-shard.ts'
import type { Applicant, SecurityLog } from './security-log.ts'
import type { Greeting } from './session-offer.ts'
import type { Sessions } from './sessions.ts'
import type { Supervisor } from './supervisor.ts'

/** How late a deadline of a handshake may be noticed. */
const SWEEP_MS = 50

interface UpgradeHost {
  readonly options: ResolvedOptions
  readonly counters: MainCounters
  readonly securityLog: SecurityLog
  readonly peers: PeerRegistry
  readonly shardCounters: Counters
  readonly supervisor: Supervisor
  readonly router: Router
  readonly memory: ProcessMemory
  readonly peerLifecycle: PeerLifecycle
  readonly sessions: Sessions | null
  readonly hasMiddleware: boolean
  onError(error: Error): void
}

/** All opening handshakes under way. */
export class Upgrades implements HandshakeContext {
  readonly options: ResolvedOptions
  readonly counters: MainCounters
  readonly #host: UpgradeHost
  readonly #placement: Placement
  readonly guard: AddressGuard
  readonly #isOriginAllowed: (origin: string, host: string) => boolean
  readonly #handshakes = new Map<ConnectionKey, Handshake>()
  readonly #sweep = new Sweep(SWEEP_MS, (nowMs) => {
    for (const handshake of this.#handshakes.values()) handshake.sweep(nowMs)
  })
  /** Contexts agreed on with clients whose connection is not open yet. */
  #promisedContexts = 0
  #isClosed = false
  #retryAfterSeconds: number | null = null

  constructor(host: UpgradeHost) {
    this.options = host.options
    this.counters = host.counters
    this.guard = new AddressGuard(host.options.guards)
    this.#host = host
    this.#isOriginAllowed = compileOrigins(host.options.allowOrigins)
    this.#placement = createPlacement(host.options)
  }

  /** To be called in the `upgrade` event's own tick. Never throws for what the client did. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    holdReading(socket)
    socket.on('error', () => {})
    const remote = socket instanceof RemoteSocket ? (socket as RemoteSocket<RunningShard>) : null
    const waitedMs = remote?.waitedMs ?? endPendingRequest(socket)
    const applicant = { request, ip: this.#addressOf(request) }
    diagnostics.handshakeStart(applicant)
    const opening = this.#check(applicant)
    if (opening instanceof ShardwsError) {
      this.reject(socket, opening, applicant)
      return
    }
    const key = this.#isFull ? null : this.#host.peers.claim()
    if (key === null) {
      this.reject(socket, new ShardwsError('OVER_CAPACITY'), applicant)
      return
    }
    this.guard.add(key, applicant.ip)
    this.#sweep.start()
    const dueMs = this.nowMs + this.options.handshakeTimeoutMs - waitedMs
    const home = remote?.shard ?? null
    const handshake = new Handshake(key, this, { ...applicant, socket, head, home }, dueMs)
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
  reject(socket: Duplex, error: ShardwsError, applicant?: Applicant): void {
    this.#record(error.code, error.message, applicant)
    if (applicant !== undefined) diagnostics.handshakeEnd(applicant, refused(error.code, error.status))
    refuse(socket, formatAnswer(error, error.code === 'SHUTTING_DOWN' ? this.#farewell() : {}))
  }

  /** From now on everyone is refused. @param retryAfterSeconds null: as every 503 says. */
  close(retryAfterSeconds: number | null): void {
    this.#isClosed = true
    this.#retryAfterSeconds = retryAfterSeconds
    for (const handshake of [...this.#handshakes.values()]) handshake.fail('SHUTTING_DOWN', this.#farewell())
  }

  onReserved(shard: RunningShard, key: ConnectionKey, mustJudge: boolean): void {
    this.#handshakes.get(key)?.onReserved(shard, mustJudge)
  }

  /** `verdict` as of `encodeValue`. */
  onJudged(shard: RunningShard, key: ConnectionKey, verdict: Buffer): void {
    this.#handshakes.get(key)?.onJudged(shard, decodeValue(verdict) as boolean | Verdict | Error)
  }

  get hasMiddleware(): boolean {
    return this.#host.hasMiddleware
  }

  onShardEnded(shard: RunningShard): void {
    for (const handshake of [...this.#handshakes.values()]) handshake.onShardEnded(shard)
  }

  agree({ extensions }: OpeningHandshake): Agreement | null {
    const { deflatePolicy, shard, shards } = this.options
    if (deflatePolicy === null || shard.compression === null || extensions.length === 0) return null
    const contexts = this.#host.peerLifecycle.contexts + this.#promisedContexts
    const isRoom = contexts < shard.compression.maxDedicatedContexts * Math.max(1, shards)
    const mayKeep = isRoom && !this.#host.memory.isTaken('contexts')
    const policy = mayKeep ? deflatePolicy : withoutTakeover(deflatePolicy)
    const agreement = negotiate(extensions, policy)
    if (agreement !== null && keepsContext(agreement)) this.#promisedContexts++
    return agreement
  }

  match(url: string): RouteMatch | null {
    const { router } = this.#host
    return router.isEmpty ? null : router.find(splitTarget(url).path)
  }

  chooseSeat(request: UpgradeRequest): number | null {
    return this.#placement.choose(request, this.#host.supervisor.seats)
  }

  isSeated(shard: RunningShard): boolean {
    return this.#host.supervisor.seats.includes(shard)
  }

  shardAt(seat: number): RunningShard | null {
    return this.#host.supervisor.seats[seat] ?? null
  }

  isComing(seat: number): boolean {
    return !this.#isClosed && this.#host.supervisor.isComing(seat)
  }

  awaitShard(callback: () => void): boolean {
    if (this.#isClosed || !this.#host.supervisor.isStarting) return false
    this.#host.supervisor.onceAdopting(callback)
    return true
  }

  cancelAwait(callback: () => void): void {
    this.#host.supervisor.cancelOnceAdopting(callback)
  }

  onRefused(handshake: Handshake, code: ErrorCode, status: number | undefined): void {
    this.#record(code, ERRORS[code].message, handshake.applicant)
    diagnostics.handshakeEnd(handshake.applicant, refused(code, status))
    this.#release(handshake)
  }

  onGiving({ key, offer, request }: Handshake, shard: RunningShard): Greeting | null {
    this.#host.peerLifecycle.onGiving(key, shard)
    return offer && (this.#host.sessions?.begin(key, request, offer) ?? null)
  }

  onGiven(handshake: Handshake, shard: RunningShard): void {
    this.#forget(handshake)
    this.#host.peerLifecycle.onOpened(handshake, shard)
  }

  onAbandoned(handshake: Handshake): void {
    this.counters.abandoned++
    diagnostics.handshakeEnd(handshake.applicant, ABANDONED)
    this.#release(handshake)
  }

  onLost(handshake: Handshake): void {
    this.counters.lostInHandoff++
    this.#host.sessions?.abandon(handshake.key)
    diagnostics.handshakeEnd(handshake.applicant, LOST)
    this.#release(handshake)
  }

  onError(error: Error): void {
    this.#host.onError(error)
  }

  #check({ request, ip }: Applicant): OpeningHandshake | ShardwsError {
    if (this.#isClosed) return new ShardwsError('SHUTTING_DOWN')
    if (this.#host.memory.isTaken('handshakes')) return new ShardwsError('MEMORY_SHORT')
    const refusal = this.guard.refusalOf(ip)
    if (refusal !== null) return new ShardwsError(refusal)
    const { method = '', httpVersion, url = '', rawHeaders } = request
    const opening = validateUpgrade({ method, httpVersion, url, rawHeaders }, this.options)
    if (opening instanceof ShardwsError) return opening
    if (!this.#host.router.isEmpty && this.match(url) === null) return new ShardwsError('PATH_NOT_FOUND')
    if (this.#handshakes.size >= this.options.maxPendingHandshakes) return new ShardwsError('TOO_MANY_HANDSHAKES')
    if (!this.guard.hasRoomFor(ip)) return new ShardwsError('TOO_MANY_CONNECTIONS')
    return this.#checkOrigin(opening.origin, request) ?? opening
  }

  /** Of connections that shards have let in by themselves main may not have heard. */
  get #isFull(): boolean {
    if (this.options.accept === 'attach') return false
    return this.#host.shardCounters.total(Counter.CONNECTIONS) >= this.options.maxConnections
  }

  #checkOrigin(origin: string | undefined, { headers }: IncomingMessage): ShardwsError | null {
    const { allowOrigins, requireOrigin } = this.options
    if (allowOrigins.length === 0 && headers.cookie !== undefined) this.#host.securityLog.cookieForAnyOrigin()
    if (origin === undefined)
      return requireOrigin ? new ShardwsError('ORIGIN_FORBIDDEN', 'an Origin is required') : null
    try {
      if (this.#isOriginAllowed(origin, headers.host ?? '')) return null
    } catch (error) {
      this.onError(error as Error)
    }
    return new ShardwsError('ORIGIN_FORBIDDEN')
  }

  #addressOf(request: IncomingMessage): string {
    try {
      return this.guard.addressOf(request)
    } catch (error) {
      this.onError(error as Error)
      return peerAddress(request)
    }
  }

  #farewell(): Partial<Answer> {
    const least = this.#retryAfterSeconds
    return least === null ? {} : { headers: { 'Retry-After': retryAfter(least, 2 * least) } }
  }

  #record(code: ErrorCode, why: string, applicant: Applicant | undefined): void {
    if (applicant !== undefined && this.#host.securityLog.refused(code, why, applicant))
      this.counters.countRejected(code)
    else recordRefusal(this, code, why)
  }

  #forget(handshake: Handshake): void {
    this.#handshakes.delete(handshake.key)
    if (this.#handshakes.size === 0) this.#sweep.stop()
    if (handshake.agreement !== null && keepsContext(handshake.agreement)) this.#promisedContexts--
  }

  #release(handshake: Handshake): void {
    this.#forget(handshake)
    if (handshake.shard !== null) handshake.shard.assigned--
    this.guard.remove(handshake.key)
    this.#host.peers.release(handshake.key)
  }
}

const NOBODY = { id: null, shard: null }
const ABANDONED: HandshakeResult = { outcome: 'abandoned', status: null, code: null, ...NOBODY }
const LOST: HandshakeResult = { outcome: 'lost', status: 101, code: null, ...NOBODY }

function refused(code: ErrorCode, status: number | undefined): HandshakeResult {
  return { outcome: 'refused', status: status ?? null, code, ...NOBODY }
}
