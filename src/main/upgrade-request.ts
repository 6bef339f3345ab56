import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { splitTarget } from '../shared/protocol/handshake.ts'

/**
 * What is known of the request that opened a connection: plain data that outlives the HTTP objects.
 */
export class UpgradeRequest {
  /** Path and query as the client sent them. */
  readonly url: string
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** Address of the TCP peer. */
  readonly remoteAddress: string
  readonly remotePort: number
  /** The agreed subprotocol, '' for none. */
  readonly protocol: string
  /** Whom `verifyClient` found, if it said so. */
  readonly user: unknown

  constructor(request: IncomingMessage, protocol: string, user: unknown) {
    this.url = request.url ?? '/'
    this.headers = request.headers
    this.remoteAddress = request.socket.remoteAddress ?? '0.0.0.0'
    this.remotePort = request.socket.remotePort ?? 0
    this.protocol = protocol
    this.user = user
  }

  get path(): string {
    return splitTarget(this.url).path
  }

  /** Decoded query; of a name given twice, the last value. Has no prototype. */
  get query(): Record<string, string> {
    const query: Record<string, string> = Object.create(null)
    for (const [name, value] of new URLSearchParams(splitTarget(this.url).query)) query[name] = value
    return query
  }

  get ip(): string {
    return this.remoteAddress
  }
}
