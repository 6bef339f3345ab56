import type { IncomingMessage } from 'node:http'
import type { RequestFields } from './upgrade-request.ts'

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze(Object.create(null))

/** What outlives a request; the rest is what its handshake has found out. */
export function requestFields(
  request: IncomingMessage,
  found: Pick<RequestFields, 'ip' | 'protocol' | 'user'> & Partial<Pick<RequestFields, 'params'>>,
): RequestFields {
  return {
    url: request.url ?? '/',
    headers: request.headers,
    remoteAddress: request.socket.remoteAddress ?? '0.0.0.0',
    remotePort: request.socket.remotePort ?? 0,
    params: NO_PARAMS,
    ...found,
  }
}
