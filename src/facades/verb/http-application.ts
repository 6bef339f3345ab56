import { isAbsolute } from 'node:path'
import type { Application, ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express'
import { ShardwsError } from '../../shared/errors.ts'
import { loadExpress } from '../express.ts'
import type { RouteSocket } from './route-socket.ts'
import { attemptOf, type RequestListener, type UpgradeOptions } from './upgrade-attempt.ts'

/** Express's response, and what Verb has besides. */
export interface VerbResponse extends Response {
  /** Answers with `text/html`. What comes from elsewhere must have been escaped. */
  html(body: string): this
  /**
   * Takes the connection for WebSocket and returns its socket, which can be used at once. The 101 follows when the engine is
   * ready; if it does not come to it, `close` says so with 1006.
   *
   * @throws ShardwsError UPGRADE_REQUIRED for a request that is no opening handshake: Express answers 426 to it;
   * ARGUMENT_INVALID when it has been upgraded or answered already.
   */
  upgrade<Data = Record<string, unknown>>(options?: UpgradeOptions<Data>): RouteSocket<Data>
}

/** A route or a middleware, as in Express; `response` can also upgrade. */
export type VerbRequestHandler = (request: Request, response: VerbResponse, next: NextFunction) => unknown

/** Also anything that Express takes: routers, applications, error handlers, arrays of them. */
export type VerbMiddleware =
  | VerbRequestHandler
  | RequestHandler
  | ErrorRequestHandler
  | Application
  | readonly VerbMiddleware[]

export type BodyOption = boolean | { readonly limit: number | string }

/** An Express application whose responses know `html` and `upgrade`. @throws ShardwsError EXPRESS_MISSING */
export function createHttpApplication(bodyOption: () => BodyOption): Application {
  const express = loadExpress()
  const application = express()
  const { sendFile } = application.response
  Object.assign(application.response, {
    html(this: Response, body: string): Response {
      return this.type('html').send(body)
    },
    upgrade(this: Response, options?: UpgradeOptions): RouteSocket {
      const attempt = attemptOf(this)
      if (attempt !== undefined) return attempt.upgrade(options)
      this.set({ Upgrade: 'websocket', Connection: 'Upgrade, close', 'Sec-WebSocket-Version': '13' })
      throw new ShardwsError('UPGRADE_REQUIRED', 'upgrade: the request is no opening handshake of WebSocket')
    },
    // Express wants an absolute path or a root; what leaves the working directory gets 403.
    sendFile(this: Response, path: string, options?: unknown, callback?: unknown): void {
      const [settings, done] = typeof options === 'function' ? [{}, options] : [options ?? {}, callback]
      const root = isAbsolute(path) ? {} : { root: process.cwd() }
      Reflect.apply(sendFile, this, [path, { ...root, ...settings }, done])
    },
  })
  application.use(parseBodies(express, bodyOption))
  return application
}

/** To be called when the routes are there. What is the client's mistake Express would log, stack and all, as if it were ours. */
export function answerClientErrors(application: Application): void {
  const answer: ErrorRequestHandler = (
    error: { status?: number; headers?: object } | undefined,
    _request,
    response,
    next,
  ) => {
    const { status = 500, headers = {} } = error ?? {}
    if (status < 400 || status >= 500 || response.headersSent) next(error)
    else response.set(headers).sendStatus(status)
  }
  application.use(answer)
}

/** The application as `node:http` and an attempt call it. */
export function listenerOf(application: Application): RequestListener {
  return application as unknown as RequestListener
}

/** A handler whose errors and promise the attempt hears of too. Error handlers, routers and applications stay what they are. */
export function observed(handler: VerbMiddleware): VerbMiddleware {
  if (typeof handler !== 'function' || handler.length > 3 || 'handle' in handler) return handler
  const handle = handler as VerbRequestHandler
  const watched: VerbRequestHandler = (request, response, next) => {
    const attempt = attemptOf(response)
    try {
      const result = handle(request, response, next)
      attempt?.track(result)
      return result
    } catch (error) {
      attempt?.onHandlerError(error)
      throw error
    }
  }
  return watched
}

/** By default, as handlers of JSON APIs expect it; `withOptions` may still change it. */
function parseBodies(express: ReturnType<typeof loadExpress>, bodyOption: () => BodyOption): RequestHandler {
  let made: { option: BodyOption; parsers: RequestHandler[] } | null = null
  return (request, response, next) => {
    const option = bodyOption()
    if (option === false) return next()
    if (made?.option !== option) {
      const limits = option === true ? {} : option
      made = { option, parsers: [express.json(limits), express.urlencoded({ ...limits, extended: false })] }
    }
    const [json, urlencoded] = made.parsers as [RequestHandler, RequestHandler]
    json(request, response, (error) => (error ? next(error) : urlencoded(request, response, next)))
  }
}
