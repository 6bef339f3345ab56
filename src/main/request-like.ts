import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Knock } from '../shared/messages.ts'
import type { RequestFields } from '../shared/upgrade-request.ts'

/** The request as Node would have read it, on `socket`. */
export function requestOn(socket: Duplex, { method, url, httpVersion, rawHeaders, headers }: Knock): IncomingMessage {
  const request = new IncomingMessage(socket as Socket)
  const [major = 1, minor = 1] = httpVersion.split('.').map(Number)
  const version = { httpVersion, httpVersionMajor: major, httpVersionMinor: minor }
  return Object.assign(request, { method, url, rawHeaders: [...rawHeaders], headers, complete: true, ...version })
}

/** The request of a connection that is open already, for those who watch: what a socket would tell is not there. */
export function requestLike({ url, headers }: Pick<RequestFields, 'url' | 'headers'>): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url, headers })
}
