import type { IncomingHttpHeaders } from 'node:http'
import { splitTarget } from './protocol/handshake.ts'

/** What a request consists of: plain data that may cross threads. */
export interface RequestFields {
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
  /** The parts of the path that the route names, decoded; nothing else is in it. */
  readonly params: Record<string, string>
  /** Whom `verifyClient` or the middleware found. What it is when the handler begins becomes `socket.data.user` too. */
  readonly user: unknown
}

/** What is known of the request that opened a connection: it outlives the HTTP objects. */
export class UpgradeRequest<Params = Record<string, string>> {
  /** The request target, query included. */
  readonly url: string
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** The client's address, by `trustProxy`. */
  readonly ip: string
  /** The address of the TCP peer. */
  readonly remoteAddress: string
  /** The port of the TCP peer. */
  readonly remotePort: number
  /** The agreed subprotocol, '' for none. */
  readonly protocol: string
  /** The parameters that the path of the route names, decoded. */
  readonly params: Params
  /** Whom `verifyClient`, `upgrade` or the middleware found. */
  user: unknown

  constructor(fields: RequestFields) {
    this.url = fields.url
    this.headers = fields.headers
    this.ip = fields.ip
    this.remoteAddress = fields.remoteAddress
    this.remotePort = fields.remotePort
    this.protocol = fields.protocol
    this.params = fields.params as Params
    this.user = fields.user
  }

  /** The request target without the query, not decoded. */
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
