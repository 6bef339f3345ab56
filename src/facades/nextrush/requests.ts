import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Socket } from '../../shared/socket.ts'
import type { UpgradeRequest } from '../../shared/upgrade-request.ts'
import type { WSRequest } from './connection.ts'

/**
 * The `http.IncomingMessage` of each connection that is being opened, for handlers that expect one. It is forgotten when the
 * handler has been called, so that an open connection does not hold it.
 */
export class Requests {
  /** By their headers: the engine's request and the HTTP message share that object. */
  readonly #requests = new WeakMap<IncomingHttpHeaders, IncomingMessage>()

  /** Before the 101. */
  note(request: IncomingMessage): void {
    this.#requests.set(request.headers, request)
  }

  /** The connection is open: its request gets what Express would have found in it. */
  opened(socket: Socket, request: UpgradeRequest): WSRequest {
    const message = this.#find(request)
    Object.defineProperties(message, {
      path: { value: request.path, enumerable: true },
      params: { value: request.params, enumerable: true },
      query: { value: request.query, enumerable: true },
      ip: { value: request.ip, enumerable: true },
      user: { get: () => request.user, set: (user: unknown) => setUser(socket, user), enumerable: true },
    })
    return message as WSRequest
  }

  of(request: UpgradeRequest): WSRequest {
    return this.#find(request) as WSRequest
  }

  /** The same, for the last time. */
  take(request: UpgradeRequest): WSRequest {
    const message = this.of(request)
    this.#requests.delete(request.headers)
    return message
  }

  #find({ headers }: UpgradeRequest): IncomingMessage {
    const message = this.#requests.get(headers)
    if (message === undefined) throw new Error('the request of this connection is not known')
    return message
  }
}

function setUser(socket: Socket, user: unknown): void {
  socket.user = user
  const { data } = socket
  if (typeof data === 'object' && data !== null) (data as { user?: unknown }).user = user
}
