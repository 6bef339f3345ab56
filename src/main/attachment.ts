import type { IncomingMessage, Server } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { ShardwsError } from '../shared/errors.ts'
import type { Engine } from './engine.ts'

export interface AttachOptions {
  /** Paths that are ours, compared exactly and without the query. Default: all. */
  readonly path?: string | readonly string[]
}

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
    server.on('upgrade', this.#onUpgrade)
  }

  detach(): void {
    this.#server.off('upgrade', this.#onUpgrade)
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (this.#paths === null || this.#paths.has(pathOf(request))) this.#engine.accept(request, socket, head)
    // With nobody else to hear it, the client would wait for ever.
    else if (this.#server.listenerCount('upgrade') === 1) this.#engine.reject(socket, 'PATH_NOT_FOUND')
  }
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}
