import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Express } from 'express'
import { ShardwsError } from '../../shared/errors.ts'
import { loadExpress } from '../express.ts'
import type { Endpoints } from './endpoints.ts'

/** Express 5 on an HTTP server of its own. JSON bodies are parsed. */
export class HttpHost {
  readonly express: Express
  readonly server: Server

  /** @throws ShardwsError EXPRESS_MISSING */
  constructor() {
    const express = loadExpress()
    this.express = express()
    this.express.disable('x-powered-by')
    this.express.use(express.json())
    this.server = createServer(this.express)
  }

  get address(): AddressInfo | null {
    return this.server.address() as AddressInfo | null
  }

  /** Resolves when it listens and the shards, if there are any by then, are ready. */
  async listen(
    port: number,
    host: string | (() => void) | undefined,
    callback: (() => void) | undefined,
    endpoints: () => Endpoints | null,
  ): Promise<AddressInfo> {
    if (this.server.listening) throw new ShardwsError('ALREADY_LISTENING')
    this.server.listen(port, typeof host === 'string' ? host : undefined)
    await once(this.server, 'listening')
    try {
      await endpoints()?.server.ready()
    } catch (error) {
      this.server.close()
      throw error
    }
    if (typeof host === 'function') host()
    else callback?.()
    return this.address as AddressInfo
  }

  /** Ends the connections, then the server. */
  async close(endpoints: Endpoints | null): Promise<void> {
    const { server } = this
    const closed = server.listening ? once(server, 'close') : undefined
    server.close()
    server.closeIdleConnections()
    await endpoints?.close()
    server.closeAllConnections()
    await closed
  }
}
