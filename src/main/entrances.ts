import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { ShardwsError } from '../shared/errors.ts'
import { Attachment, type AttachOptions } from './attachment.ts'
import type { Engine } from './engine.ts'
import { createOwnServer } from './own-server.ts'

/** Where connections come from: a server of its own, and servers that it is attached to. */
export class Entrances {
  readonly #engine: Engine
  readonly #attachments = new Set<Attachment>()
  #ownServer: Server | null = null

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** @throws ShardwsError ALREADY_LISTENING, SERVER_CLOSED; rejects with the error of `net.Server.listen` or of `ready()`. */
  async listen(port: number, host: string | undefined): Promise<AddressInfo> {
    this.#assertOpen()
    if (this.#ownServer !== null) throw new ShardwsError('ALREADY_LISTENING')
    const server = createOwnServer(this.#engine)
    this.#ownServer = server
    try {
      await this.#engine.ready()
      server.listen(port, host)
      await once(server, 'listening')
      this.attach(server, {})
    } catch (error) {
      this.#ownServer = null
      server.close()
      throw error
    }
    return server.address() as AddressInfo
  }

  get address(): AddressInfo | null {
    return (this.#ownServer?.address() ?? null) as AddressInfo | null
  }

  /** @throws ShardwsError ARGUMENT_INVALID, SERVER_CLOSED */
  attach(server: Server | HttpsServer, options: AttachOptions): void {
    this.#assertOpen()
    this.#attachments.add(new Attachment(this.#engine, server, options))
  }

  /** Nobody new comes in by a server of its own. */
  close(): void {
    this.#ownServer?.close()
    this.#ownServer?.closeIdleConnections()
  }

  /** Everybody has gone. */
  remove(): void {
    for (const attachment of this.#attachments) attachment.detach()
    this.#ownServer?.closeAllConnections()
  }

  #assertOpen(): void {
    if (this.#engine.isShutDown) throw new ShardwsError('SERVER_CLOSED')
  }
}
