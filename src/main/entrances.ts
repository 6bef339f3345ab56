import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { ShardwsError } from '../shared/errors.ts'
import { Attachment, type AttachOptions } from './attachment.ts'
import type { Engine } from './engine.ts'
import { createOwnServer } from './own-server.ts'
import { RawEntrance } from './raw-entrance.ts'
import { resolveSecureContext, type SecureContextOptions } from './tls-options.ts'

/** Where `listen` listens. */
interface OwnEntrance {
  listen(port: number, host: string | undefined): Promise<AddressInfo>
  /** Nobody new comes in. */
  stopListening(): void
  /** Whoever is on the way in is gone. */
  close(): void | Promise<void>
}

/** Where connections come from: an entrance of its own, and servers that it is attached to. */
export class Entrances {
  readonly #engine: Engine
  readonly #attachments = new Set<Attachment>()
  #own: OwnEntrance | null = null
  #address: AddressInfo | null = null

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** @throws ShardwsError ALREADY_LISTENING, SERVER_CLOSED; rejects with the error of `net.Server.listen` or of `ready()`. */
  async listen(port: number, host: string | undefined): Promise<AddressInfo> {
    this.#assertOpen()
    if (this.#own !== null) throw new ShardwsError('ALREADY_LISTENING')
    const own = this.#createOwn()
    this.#own = own
    try {
      await this.#engine.ready()
      this.#address = await own.listen(port, host)
      // A shutdown may have begun meanwhile.
      this.#assertOpen()
    } catch (error) {
      this.#own = null
      this.#address = null
      own.stopListening()
      await own.close()
      throw error
    }
    return this.#address
  }

  get address(): AddressInfo | null {
    return this.#address
  }

  /** @throws ShardwsError ARGUMENT_INVALID, SERVER_CLOSED */
  attach(server: Server | HttpsServer, options: AttachOptions): void {
    this.#assertOpen()
    this.#attachments.add(new Attachment(this.#engine, server, options))
  }

  /** @throws ShardwsError ARGUMENT_INVALID, SERVER_CLOSED */
  secure(options: SecureContextOptions): void {
    this.#assertOpen()
    if (this.#engine.options.tls === null) {
      throw new ShardwsError('ARGUMENT_INVALID', 'there is no certificate to replace: give options.tls')
    }
    this.#engine.newcomers.secure(resolveSecureContext(options))
  }

  /** Nobody new comes in by an entrance of its own. */
  close(): void {
    this.#address = null
    this.#own?.stopListening()
  }

  /** Everybody has gone. */
  async remove(): Promise<void> {
    for (const attachment of this.#attachments) attachment.detach()
    await this.#own?.close()
  }

  #createOwn(): OwnEntrance {
    if (this.#engine.options.accept !== 'attach') return new RawEntrance(this.#engine)
    const server = createOwnServer(this.#engine)
    return {
      listen: async (port, host) => {
        server.listen(port, host)
        await once(server, 'listening')
        this.attach(server, {})
        return server.address() as AddressInfo
      },
      stopListening: () => {
        server.close()
        server.closeIdleConnections()
      },
      close: () => server.closeAllConnections(),
    }
  }

  #assertOpen(): void {
    if (this.#engine.isShutDown) throw new ShardwsError('SERVER_CLOSED')
  }
}
