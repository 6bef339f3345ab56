import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { splitTarget } from '../shared/protocol/handshake.ts'
import { peerAddress } from './client-address.ts'
import type { RouteMatch } from './route-match.ts'

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze(Object.create(null))

/**
 * What is known of the request that opened a connection: plain data that outlives the HTTP objects.
 */
export class UpgradeRequest<Params = Record<string, string>> {
  /** Path and query as the client sent them. */
  readonly url: string
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** The client's address, by `trustProxy`; IPv6 in its shortest spelling, IPv4-mapped IPv6 as IPv4. */
  readonly ip: string
  /** Address of the TCP peer, perhaps a proxy. */
  readonly remoteAddress: string
  readonly remotePort: number
  /** The agreed subprotocol, '' for none. */
  readonly protocol: string
  /** Whom `verifyClient` or the middleware found. What it is when the handler begins becomes `socket.data.user` too. */
  user: unknown
  /** By the dispatcher: the route that serves it, null without routes. */
  readonly match: RouteMatch | null

  constructor(
    request: IncomingMessage,
    protocol: string,
    user: unknown,
    ip: string = peerAddress(request),
    match: RouteMatch | null = null,
  ) {
    this.url = request.url ?? '/'
    this.headers = request.headers
    this.ip = ip
    this.remoteAddress = request.socket.remoteAddress ?? '0.0.0.0'
    this.remotePort = request.socket.remotePort ?? 0
    this.protocol = protocol
    this.user = user
    this.match = match
  }

  /** The parts of the path that the route names, decoded; nothing else is in it. */
  get params(): Params {
    return (this.match?.params ?? NO_PARAMS) as Params
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
}
