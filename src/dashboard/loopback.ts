import type { IncomingMessage } from 'node:http'
import { compileCidrs } from '../main/cidr.ts'
import { peerAddress } from '../main/client-address.ts'

const isLoopback = compileCidrs(['127.0.0.0/8', '::1'])

/** Names that resolvers never ask anybody about (RFC 6761 §6.3), and addresses. Any other name may have been pointed here by a stranger's page. */
const LOOPBACK_HOST = /^(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i

/** What proxies add. They connect from this machine and speak for anybody. */
const PROXY_FIELD = /^(?:forwarded|via|x-forwarded(?:-.+)?|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip)$/

/** Why a request is not known to come from this machine, or null if it does. */
export function whyNotLocal(request: IncomingMessage): string | null {
  const { headers, httpVersionMajor, httpVersionMinor } = request
  if (!isLoopback(peerAddress(request))) return 'it came from another machine'
  const proxied = Object.keys(headers).find((name) => PROXY_FIELD.test(name))
  if (proxied !== undefined) return `a proxy speaks for somebody else (${proxied})`
  // No browser speaks it; a proxy with the settings it was shipped with may, and adds no field.
  if (httpVersionMajor === 1 && httpVersionMinor === 0) return 'it speaks HTTP/1.0, as proxies do'
  const host = hostOf(request)
  return LOOPBACK_HOST.test(host) ? null : 'its Host is not localhost, 127.0.0.1 or [::1]'
}

/** Host and port as the client wrote them; '' for none. */
export function hostOf({ headers }: IncomingMessage): string {
  const authority = headers[':authority']
  return headers.host ?? (typeof authority === 'string' ? authority : '')
}
