import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from '../../main/logger.ts'
import type { ClientVerdict, VerifyClient, WebSocketServerOptions } from '../../main/options.ts'
import { resolveOptions } from '../../main/resolve-options.ts'
import { selectSubprotocol } from '../../shared/protocol/subprotocol.ts'
import type { UpgradeRequest } from '../../shared/upgrade-request.ts'
import { WebSocketServer } from '../websocket-server.ts'
import { Admission } from './admission.ts'
import { Connections } from './connections.ts'
import { engineOptionsOf, handlersOf, maxAdmitted, shutdownOptionsOf, type VerbOptions } from './options.ts'
import type { PoolStats } from './pool-stats.ts'
import { type AttemptHost, type RequestListener, UpgradeAttempt } from './upgrade-attempt.ts'
import type { EngineSocket } from './verb-socket.ts'

const DEFAULT_MAX_WAITING_BYTES = 1024 * 1024

/** The engine of a `VerbServer`, and who hears of its connections. */
export class VerbSockets<Data> implements AttemptHost {
  readonly server: WebSocketServer<Data>
  readonly maxWaitingBytes: number
  readonly #logger: Logger
  readonly #admission: Admission
  readonly #connections: Connections<Data>
  readonly #answering = new Set<Socket>()
  readonly #attempts = new WeakMap<IncomingMessage, UpgradeAttempt>()

  /** @param application whose routes may take upgrade requests; null: there is no HTTP. */
  constructor(options: VerbOptions<Data>, application: RequestListener | null) {
    const engine = engineOptionsOf(options.websocket)
    if (options.handleSignals === true) engine.handleSignals = shutdownOptionsOf(options)
    const isClosing = options.websocket?.overload === 'close1013'
    this.#admission = new Admission(isClosing ? maxAdmitted(options.websocket ?? {}) : Number.POSITIVE_INFINITY)
    this.#connections = new Connections(this.#admission)
    this.setHandlers(options)
    this.maxWaitingBytes = engine.maxBackpressure ?? DEFAULT_MAX_WAITING_BYTES
    this.#logger = resolveOptions(engine).logger
    engine.logger = this.#logger
    this.server = new WebSocketServer<Data>(application === null ? engine : this.#throughRoutes(engine, application))
    this.server.on('connection', (id, request) => this.#onConnection(id, request))
    this.server.route('*', this.#connections.handler())
  }

  get hasHandlers(): boolean {
    return this.#connections.handlers !== null
  }

  setHandlers({ websocket }: VerbOptions<Data>): void {
    this.#connections.handlers = handlersOf(websocket)
  }

  poolStats(): PoolStats {
    const { total, active, refused } = this.#admission
    return { total, active, rejected: this.server.stats().rejected.total + refused }
  }

  onAnswering(socket: Socket): void {
    this.#answering.add(socket)
    socket.once('close', () => this.#answering.delete(socket))
  }

  /** Ends the HTTP answers to upgrade requests that are still under way. */
  endAnswers(): void {
    for (const socket of this.#answering) socket.destroy()
  }

  onRouteError(error: Error): void {
    this.#report(null, error)
  }

  onUnheardError(id: string, error: Error): void {
    this.#report(id, error)
  }

  /** The engine asks `verifyClient` last of all, and awaits it: there the routes decide. */
  #throughRoutes(options: WebSocketServerOptions, application: RequestListener): WebSocketServerOptions {
    const { verifyClient, handleProtocols, protocols = [] } = options
    return {
      ...options,
      verifyClient: (request) => this.#decide(request, verifyClient, application),
      handleProtocols: (offered, request) =>
        this.#attempts.get(request)?.protocol ??
        handleProtocols?.(offered, request) ??
        selectSubprotocol(offered, protocols),
    }
  }

  async #decide(
    request: IncomingMessage,
    verifyClient: VerifyClient | undefined,
    application: RequestListener,
  ): Promise<ClientVerdict> {
    const answer = verifyClient === undefined ? true : await verifyClient(request)
    const verdict: ClientVerdict = typeof answer === 'object' && answer !== null ? answer : { accept: answer === true }
    if (verdict.answered === true || !(verdict.accept ?? verdict.status === undefined)) return verdict
    const attempt = new UpgradeAttempt(request, verdict.user, this)
    this.#attempts.set(request, attempt)
    return attempt.run(application)
  }

  /** As the engine does it, but a route that fails is no everyday event: who reads the log wants to know where. */
  #report(id: string | null, error: Error): void {
    if (this.server.listenerCount('error') > 0) this.server.emit('error', id, error)
    else this.#logger.error({ id, error: String(error?.stack ?? error) }, 'a route failed')
  }

  #onConnection(id: string, request: UpgradeRequest): void {
    const socket = this.server.getConnection(id) as EngineSocket | undefined
    if (socket === undefined) return
    const attempt = request.user instanceof UpgradeAttempt ? request.user : null
    if (attempt !== null) {
      request.user = attempt.user
      socket.data = attempt.data
    }
    this.#connections.onConnection(socket, attempt)
  }
}
