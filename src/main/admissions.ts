import type { ConnectionKey } from '../shared/connection-key.ts'
import type { Admitted, DoorRules } from '../shared/messages.ts'
import { CloseCode } from '../shared/protocol/close-codes.ts'
import type { Router } from '../shared/router.ts'
import { UpgradeRequest } from '../shared/upgrade-request.ts'
import { decodeValue } from '../shared/values.ts'
import { diagnostics } from './diagnostics.ts'
import { HandlerModule, type HandlerModules } from './handler-modules.ts'
import type { ResolvedOptions } from './options.ts'
import type { PeerLifecycle } from './peer-lifecycle.ts'
import type { PeerRegistry } from './peer-registry.ts'
import type { ProcessMemory } from './process-memory.ts'
import { requestLike } from './request-like.ts'
import type { RunningShard } from './running-shard.ts'
import type { SecurityLog } from './security-log.ts'

/** Connections that one shard can let in while main is blocked. */
export const LENT_KEYS = 512

interface AdmissionsHost {
  readonly options: ResolvedOptions
  readonly router: Router
  readonly peers: PeerRegistry
  readonly modules: HandlerModules
  readonly securityLog: SecurityLog
  readonly memory: ProcessMemory
  readonly peerLifecycle: PeerLifecycle
  readonly hasMiddleware: boolean
  readonly isShutDown: boolean
}

/**
 * Main's part in what `workers/admission.ts` does: what clients are measured by where no function on main has a say, and
 * the keys for their connections.
 */
export class Admissions {
  readonly #host: AdmissionsHost
  readonly #lent = new Map<RunningShard, Set<ConnectionKey>>()

  constructor(host: AdmissionsHost) {
    this.#host = host
  }

  /** Connections come to this shard unread from now on. Again, from another acceptor: it has its keys and its rules. */
  begin(shard: RunningShard): void {
    if (this.#lent.has(shard)) return
    this.#lent.set(shard, new Set())
    shard.link.rule({ kind: 'rule', rules: this.#rules() })
    this.#lend(shard)
  }

  /** There is another route, or middleware, or less memory, or nobody may come in any more. */
  onRulesChanged(): void {
    if (this.#lent.size === 0) return
    const rules = this.#rules()
    for (const { link } of this.#lent.keys()) link.rule({ kind: 'rule', rules })
  }

  /** `bytes`: an `Admitted` as of `encodeValue`. */
  onAdmitted(shard: RunningShard, key: ConnectionKey, bytes: Buffer): void {
    const { handled, agreement } = decodeValue(bytes) as Admitted
    // The shard has ended, as far as main is concerned.
    if (this.#lent.get(shard)?.delete(key) !== true) return
    const { modules, options, peers, securityLog } = this.#host
    peers.draw()
    shard.assigned++
    const { request: fields, module, user } = handled
    if (options.allowOrigins.length === 0 && fields.headers.cookie !== undefined) securityLog.cookieForAnyOrigin()
    const params = Object.assign(Object.create(null), fields.params)
    const request = new UpgradeRequest({ ...fields, params, user: decodeValue(user) })
    const applicant = { request: requestLike(fields), ip: fields.ip }
    diagnostics.handshakeStart(applicant)
    this.#host.peerLifecycle.onOpened({ key, request, handler: modules.at(module), agreement, applicant }, shard)
    if (this.#host.isShutDown) peers.get(key)?.close(CloseCode.GOING_AWAY)
    this.#lend(shard)
  }

  onShardEnded(shard: RunningShard): void {
    for (const key of this.#lent.get(shard) ?? []) this.#host.peers.takeBack(key)
    this.#lent.delete(shard)
  }

  #lend(shard: RunningShard): void {
    const lent = this.#lent.get(shard)
    if (lent === undefined) return
    const keys: ConnectionKey[] = []
    while (lent.size < LENT_KEYS) {
      const key = this.#host.peers.lend()
      if (key === null) break
      lent.add(key)
      keys.push(key)
    }
    if (keys.length > 0) shard.link.lend(keys)
  }

  /** Null: main has to be asked about everybody. */
  #rules(): DoorRules | null {
    const { hasMiddleware, isShutDown, memory, options, router } = this.#host
    const { allowOrigins, guards, handleProtocols, verifyClient } = options
    const isGuarded =
      guards.trustProxy !== false ||
      guards.allowIps.length > 0 ||
      guards.denyIps.length > 0 ||
      guards.maxConnectionsPerIp > 0 ||
      guards.connectionRate !== null
    const origins = allowOrigins.filter((each) => typeof each !== 'function')
    const isAsked = verifyClient !== undefined || handleProtocols !== undefined || origins.length < allowOrigins.length
    if (isShutDown || hasMiddleware || isGuarded || isAsked || memory.isTaken('handshakes')) return null
    const { maxConnections, maxHeaderFields, maxUrlLength, protocols, requireOrigin, requireProtocol } = options
    return {
      ...{ maxConnections, maxHeaderFields, maxUrlLength, protocols, requireOrigin, requireProtocol },
      allowOrigins: origins,
      hasSessions: options.sessions !== null,
      deflatePolicy: options.shard.compression && options.deflatePolicy,
      maxDedicatedContexts: memory.isTaken('contexts') ? 0 : (options.shard.compression?.maxDedicatedContexts ?? 0),
      verifyTimeoutMs: options.verifyTimeoutMs,
      routes: router.routes.map(({ path, handler }) => ({
        path,
        module: handler instanceof HandlerModule ? handler.index : null,
      })),
    }
  }
}
