import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Express, Request, RequestHandler, Response, Router } from 'express'
import { loadExpress } from '../express.ts'

/**
 * Shows upgrades to the middleware of an application, which Node keeps from it. The upgrade goes on whatever they do, and
 * what they answer goes nowhere: an application's last middleware often answers whatever nobody has answered.
 */
export class ShownUpgrades {
  readonly #express: Express
  readonly #router: Router = loadExpress().Router()
  #isEmpty = true

  constructor(express: Express) {
    this.#express = express
  }

  use(path: string, handlers: readonly RequestHandler[]): void {
    this.#isEmpty = false
    this.#router.use(path, ...handlers)
  }

  show(request: IncomingMessage): void {
    if (this.#isEmpty) return
    const { request: requestPrototype, response: responsePrototype } = this.#express
    const req: Request = Object.setPrototypeOf(request, requestPrototype)
    const res: Response = Object.setPrototypeOf(new ServerResponse(request), responsePrototype)
    Object.assign(res, { req, locals: {} })
    Object.assign(req, { res })
    this.#router(req, res, (error?: unknown) => {
      if (error !== undefined) process.emitWarning(error as Error)
    })
  }
}
