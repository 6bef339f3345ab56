import type { IncomingMessage, Server } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { ShardwsError } from '../shared/errors.ts'
import { splitTarget } from '../shared/protocol/handshake.ts'
import type { Engine } from './engine.ts'

/** Which upgrade requests of an HTTP server are taken. */
export interface AttachOptions {
  /** Paths that are ours besides those of the routes, compared exactly and without the query. Default: all, with routes none. */
  readonly path?: string | readonly string[]
}

/** Those of all engines on one server: a path that none of them knows is refused by the first. */
const attachments = new WeakMap<Server | HttpsServer, Attachment[]>()

/** The engine's ear on one HTTP server. */
export class Attachment {
  readonly #engine: Engine
  readonly #server: Server | HttpsServer
  readonly #paths: ReadonlySet<string> | null

  /** @throws ShardwsError ARGUMENT_INVALID */
  constructor(engine: Engine, server: Server | HttpsServer, { path }: AttachOptions) {
    const paths = path === undefined ? null : [path].flat()
    if (paths?.some((each) => typeof each !== 'string' || !each.startsWith('/'))) {
      throw new ShardwsError('ARGUMENT_INVALID', `path must be a string that begins with '/', or an array of such`)
    }
    this.#engine = engine
    this.#server = server
    this.#paths = paths === null ? null : new Set(paths)
    attachments.set(server, [...siblings(server), this])
    server.on('upgrade', this.#onUpgrade)
  }

  detach(): void {
    attachments.set(
      this.#server,
      siblings(this.#server).filter((each) => each !== this),
    )
    this.#server.off('upgrade', this.#onUpgrade)
  }

  /** A route is a path of ours too, and without a `path` of `attach` only those are. */
  takes(path: string): boolean {
    const { router } = this.#engine
    if (this.#paths?.has(path)) return true
    return router.isEmpty ? this.#paths === null : router.find(path) !== null
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { path } = splitTarget(request.url ?? '/')
    if (this.takes(path)) this.#engine.accept(request, socket, head)
    else if (this.#isLastResort(path)) this.#engine.reject(socket, 'PATH_NOT_FOUND')
  }

  /** With nobody to answer it, the client would wait for ever. */
  #isLastResort(path: string): boolean {
    const all = siblings(this.#server)
    if (this.#server.listenerCount('upgrade') > all.length) return false
    return all[0] === this && !all.some((each) => each.takes(path))
  }
}

function siblings(server: Server | HttpsServer): Attachment[] {
  return attachments.get(server) ?? []
}
