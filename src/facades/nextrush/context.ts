import type { IncomingHttpHeaders } from 'node:http'
import type { Request, Response } from 'express'
import type { WSConnection, WSRoomManager } from './connection.ts'
import { endpointsOf } from './installed.ts'

/** One HTTP request and its answer. */
export interface Context {
  /** Express' own. */
  readonly req: Request
  /** Express's response. */
  readonly res: Response
  /** The request's method, in capitals. */
  readonly method: string
  /** Path and query. */
  readonly url: string
  /** Without the query. */
  readonly path: string
  /** The parameters that the path of the route names. */
  readonly params: Request['params']
  /** As Express parses it. */
  readonly query: Request['query']
  /** By name, in lower case. */
  readonly headers: IncomingHttpHeaders
  /** The client's address, by Express' `trust proxy`. */
  readonly ip: string | undefined
  /** A JSON body, parsed; undefined for none. */
  body: unknown
  /** Free for the application, from the first middleware to the handler. */
  readonly state: Record<string, unknown>
}

/** The context of an application on which the plugin is installed. */
export interface WSContext extends Context {
  /** Whether the client asks for a WebSocket. The middleware sees that, but cannot answer: `wsUse` and `verifyClient` refuse. */
  readonly isWebSocket: boolean
  /** The connection of an upgrade, from the moment when it is open: `await next()` waits for that. */
  readonly ws: WSConnection | undefined
  /** Reading it throws WEBSOCKET_NOT_ENABLED without the plugin. */
  readonly wsRooms: WSRoomManager
}

export class HttpContext implements WSContext {
  readonly req: Request
  readonly res: Response
  readonly state: Record<string, unknown> = {}
  #ws: WSConnection | undefined
  readonly #app: object

  constructor(app: object, req: Request, res: Response) {
    this.#app = app
    this.req = req
    this.res = res
  }

  get method(): string {
    return this.req.method
  }

  get url(): string {
    return this.req.originalUrl
  }

  get path(): string {
    return this.req.path
  }

  get params(): Request['params'] {
    return this.req.params
  }

  get query(): Request['query'] {
    return this.req.query
  }

  get headers(): IncomingHttpHeaders {
    return this.req.headers
  }

  get ip(): string | undefined {
    return this.req.ip
  }

  get body(): unknown {
    return this.req.body
  }

  set body(body: unknown) {
    this.req.body = body
  }

  get isWebSocket(): boolean {
    return this.req.headers.upgrade?.toLowerCase() === 'websocket'
  }

  get ws(): WSConnection | undefined {
    return this.#ws
  }

  /** By the application. */
  opened(socket: WSConnection): void {
    this.#ws = socket
  }

  get wsRooms(): WSRoomManager {
    return endpointsOf(this.#app).rooms
  }
}
