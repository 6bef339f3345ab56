import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import type { ClientVerdict } from '../../main/options.ts'
import { ShardwsError } from '../../shared/errors.ts'
import { linger } from '../../shared/handoff/refusal.ts'
import { parseSubprotocols } from '../../shared/protocol/subprotocol.ts'
import { isThenable } from '../../shared/work.ts'
import { RouteSocket } from './route-socket.ts'
import type { EngineSocket } from './verb-socket.ts'

/** Milliseconds without progress after which an HTTP answer to an upgrade request is given up. */
const ANSWER_IDLE_MS = 30_000

/** How `res.upgrade` may be called. */
export interface UpgradeOptions<Data = Record<string, unknown>> {
  /** Becomes `ws.data`. Default: `res.locals`, with whom `verifyClient` found as `user`. */
  readonly data?: Data
  /** The subprotocol to agree on; the client must have offered it. Default: by the options `protocols` and `handleProtocols`. */
  readonly protocol?: string
}

/** An Express application, called with what happens when none of its routes has answered. */
export type RequestListener = (
  request: IncomingMessage,
  response: ServerResponse,
  done: (error?: unknown) => void,
) => unknown

/** What an attempt needs of its server. */
export interface AttemptHost {
  /** Whether `withOptions` has handlers for connections that no route asks for. */
  readonly hasHandlers: boolean
  /** Bytes that may wait in a route's socket for its connection to open. */
  readonly maxWaitingBytes: number
  /** A route answers over HTTP on a socket that no HTTP server keeps any more. */
  onAnswering(socket: Socket): void
  /** A route has failed before it decided, or after it had answered. */
  onRouteError(error: Error): void
  /** A route, or a listener of its socket, has failed, and no listener has heard of it. */
  onUnheardError(id: string, error: Error): void
}

/**
 * `deciding`: the routes run. `upgraded`: one has asked for the socket. `page`: one has answered, and refused nobody, so the
 * handlers of `withOptions` get the connection. `answered`: the client gets the HTTP answer. `left`: nothing of it.
 */
type Stage = 'deciding' | 'upgraded' | 'page' | 'answered' | 'left'

const attempts = new WeakMap<ServerResponse, UpgradeAttempt>()

/** The attempt that a response belongs to; undefined for one to a plain request. */
export function attemptOf(response: ServerResponse): UpgradeAttempt | undefined {
  return attempts.get(response)
}

/** One upgrade request on its way through the routes of the HTTP application, before the 101. */
export class UpgradeAttempt {
  readonly user: unknown
  /** What the route wants to agree on; undefined: it has not said. */
  protocol: string | undefined
  readonly #request: IncomingMessage
  readonly #url: string
  readonly #response: ServerResponse
  readonly #host: AttemptHost
  #stage: Stage = 'deciding'
  #data: unknown
  #socket: RouteSocket | null = null
  #settle: (verdict: ClientVerdict) => void = () => {}
  /** Promises of its handlers that are pending. */
  #pending = 0
  #release: () => void = () => {}
  #hasRaised = false

  constructor(request: IncomingMessage, user: unknown, host: AttemptHost) {
    this.user = user
    this.#request = request
    this.#url = request.url ?? '/'
    this.#host = host
    this.#response = this.#createResponse()
    attempts.set(this.#response, this)
    request.socket.once('close', () => this.#onSocketClose())
  }

  /** Whether a route has asked for the connection. */
  get isRouted(): boolean {
    return this.#socket !== null
  }

  /** `ws.data` of its connection. */
  get data(): unknown {
    return this.#data ?? this.#locals()
  }

  /** Runs the routes. */
  async run(application: RequestListener): Promise<ClientVerdict> {
    const decision = new Promise<ClientVerdict>((resolve) => (this.#settle = resolve))
    application(this.#request, this.#response, (error) => this.#onDone(error))
    try {
      return await decision
    } finally {
      // The router of a mounted path has cut it off, and a handler that upgrades does not come back to it.
      this.#request.url = this.#url
    }
  }

  /** @throws ShardwsError ARGUMENT_INVALID */
  upgrade(options: UpgradeOptions = {}): RouteSocket {
    if (this.#stage === 'upgraded') throw invalid('upgrade: the request has been upgraded already; keep its socket')
    if (this.#stage !== 'deciding') throw invalid('upgrade: the request has been answered already')
    this.protocol = this.#checkOptions(options)
    this.#data = options.data
    this.#stage = 'upgraded'
    const request = this.#request as IncomingMessage & { params?: Record<string, string> }
    const socket = new RouteSocket({
      request,
      url: this.#url,
      params: { ...request.params },
      protocol: this.protocol ?? '',
      data: this.data as Record<string, unknown>,
      user: this.user,
      maxWaitingBytes: this.#host.maxWaitingBytes,
      onListening: () => this.#release(),
      onUnheardError: ({ id }, error) => this.#host.onUnheardError(id, error),
    })
    this.#socket = socket
    this.#settle({ accept: true, user: this })
    if (this.#isGone()) queueMicrotask(() => socket.abandon())
    return socket
  }

  /** A handler of a route has returned this. */
  track(result: unknown): void {
    if (!isThenable(result)) return
    this.#pending++
    const settled = (): void => {
      if (--this.#pending === 0) this.#release()
    }
    result.then(settled, (error) => {
      this.onHandlerError(error)
      settled()
    })
  }

  /** A handler of a route threw this or rejected with it: once it has upgraded, nobody else would hear of it. */
  onHandlerError(error: unknown): void {
    if (this.#socket === null || this.#hasRaised) return
    this.#hasRaised = true
    this.#socket.raise(error as Error)
  }

  /** The client has its 101. */
  open(socket: EngineSocket): void {
    this.#socket?.open(socket)
  }

  /** What messages have to wait for: the route's handler, unless it hears them before it is done. */
  get whenListening(): Promise<void> | undefined {
    if (this.#socket?.isListening || this.#pending === 0) return undefined
    return new Promise((resolve) => (this.#release = resolve))
  }

  #createResponse(): ServerResponse {
    const response = new ServerResponse(this.#request)
    response.shouldKeepAlive = false
    // On the object itself: Express gives responses another prototype.
    const { writeHead } = response
    const judged = (status: number, ...rest: unknown[]): ServerResponse => {
      this.#onHead(status)
      return Reflect.apply(writeHead, response, [status, ...rest]) as ServerResponse
    }
    response.writeHead = judged as typeof writeHead
    return response
  }

  /** The application answers over HTTP. */
  #onHead(status: number): void {
    if (this.#stage === 'upgraded') throw invalid('the request has been upgraded: it has no HTTP answer any more')
    if (this.#stage !== 'deciding') return
    if (this.#isGone()) {
      this.#stage = 'left'
      this.#assign(sink())
    } else if (isPage(status) && this.#host.hasHandlers) {
      this.#stage = 'page'
      this.#assign(sink())
      this.#settle({ accept: true, user: this })
    } else {
      this.#stage = 'answered'
      const { socket } = this.#request
      this.#settle({ answered: true, status })
      this.#host.onAnswering(socket)
      socket.setTimeout(ANSWER_IDLE_MS, () => socket.destroy())
      this.#assign(socket)
    }
  }

  #assign(socket: Socket): void {
    const response = this.#response
    try {
      response.assignSocket(socket)
    } catch {
      // A request that came before this one on the connection, and is not answered yet, has it.
      socket.destroy()
      return this.#assign(sink())
    }
    // Node's HTTP server would do this, but it has given the socket up with the upgrade.
    socket.on('drain', () => response.emit('drain'))
    response.once('finish', () => {
      response.detachSocket(socket)
      socket.end()
      if (socket === this.#request.socket) linger(socket)
    })
  }

  /** No route has answered, or one has failed and no error handler has answered. */
  #onDone(error: unknown): void {
    if (error !== undefined && error !== null) return this.#onError(error)
    if (this.#stage !== 'deciding') return
    this.#stage = this.#host.hasHandlers ? 'page' : 'left'
    this.#settle(this.#host.hasHandlers ? { accept: true, user: this } : { status: 404 })
  }

  #onError(error: unknown): void {
    if (this.#stage === 'upgraded') return this.onHandlerError(error)
    if (this.#stage === 'deciding') return this.#answerError(error)
    this.#host.onRouteError(error as Error)
    // Half an answer is none.
    if (this.#stage === 'answered' && !this.#response.writableEnded) this.#request.socket.destroy()
  }

  #answerError(error: unknown): void {
    const { status, statusCode } = error as { status?: unknown; statusCode?: unknown }
    const given = Number(status ?? statusCode)
    const code = given >= 400 && STATUS_CODES[given] !== undefined ? given : 500
    if (code >= 500) this.#host.onRouteError(error as Error)
    this.#response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' }).end(STATUS_CODES[code])
  }

  #onSocketClose(): void {
    this.#socket?.abandon()
    // Node tells a response of its socket's end, but this one has no socket yet.
    if (this.#stage === 'deciding') this.#response.emit('close')
  }

  /** The client has left, or the handshake has been refused while the routes ran. */
  #isGone(): boolean {
    const { socket } = this.#request
    return socket.destroyed || socket.writableEnded
  }

  #locals(): unknown {
    const { locals = {} } = this.#response as ServerResponse & { locals?: Record<string, unknown> }
    return this.user === undefined ? { ...locals } : { user: this.user, ...locals }
  }

  #checkOptions(options: UpgradeOptions): string | undefined {
    if (typeof options !== 'object' || options === null) throw invalid('upgrade: options must be an object')
    const unknown = Object.keys(options).find((name) => name !== 'data' && name !== 'protocol')
    if (unknown !== undefined) throw invalid(`upgrade: options.${unknown} is unknown; there are data and protocol`)
    const { protocol } = options
    if (protocol === undefined) return undefined
    const offered = parseSubprotocols(this.#request.headers['sec-websocket-protocol'] ?? '') ?? []
    if (offered.includes(protocol)) return protocol
    throw invalid(`upgrade: options.protocol must be one that the client offers: ${offered.join(', ') || 'none'}`)
  }
}

/** A redirection is none: it may well be to the login. */
function isPage(status: number): boolean {
  return status < 300 || status === 304
}

/** Where an answer goes that nobody gets. */
function sink(): Socket {
  return new Writable({ write: (_chunk, _encoding, written) => written() }) as Socket
}

function invalid(message: string): ShardwsError {
  return new ShardwsError('ARGUMENT_INVALID', message)
}
