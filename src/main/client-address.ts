import type { IncomingMessage } from 'node:http'
import { normalizeAddress } from '../shared/address.ts'
import { compileCidrs } from './cidr.ts'
import type { TrustProxy } from './guard-options.ts'

/** Hop 0 is the TCP peer, hop 1 the last entry of `X-Forwarded-For`. */
type IsTrusted = (address: string, hop: number) => boolean

/** Of a peer that has left, or came over a Unix socket. */
const NO_ADDRESS = '0.0.0.0'

/** `[2001:db8::1]:443`, `192.0.2.1:443`: some proxies write the port too. */
const BRACKETED = /^\[([^\]]+)\](?::\d{1,5})?$/
const WITH_PORT = /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/

/**
 * Where a client is: the last address that no trusted proxy vouches for. `Forwarded` (RFC 7239) is not read: a proxy
 * that writes only `X-Forwarded-For` passes a client's own `Forwarded` on.
 */
export function compileClientAddress(trust: TrustProxy): (request: IncomingMessage) => string {
  if (trust === false || trust === 0) return peerAddress
  const isTrusted = compileTrust(trust)
  return (request) => {
    const peer = peerAddress(request)
    const entries = forwardedFor(request)
    let address = peer
    for (let hop = 0; entries.length > 0 && isTrusted(address, hop); hop++) {
      const before = parseEntry(entries.pop() as string)
      // Nobody knows where it came from; the peer is at least true.
      if (before === null) return peer
      address = before
    }
    return address
  }
}

/** The TCP peer, as `normalizeAddress` spells it. */
export function peerAddress({ socket }: IncomingMessage): string {
  return normalizeAddress(socket.remoteAddress ?? NO_ADDRESS) ?? NO_ADDRESS
}

function compileTrust(trust: Exclude<TrustProxy, false>): IsTrusted {
  if (trust === true) return () => true
  if (typeof trust === 'number') return (_address, hop) => hop < trust
  return typeof trust === 'function' ? (address, hop) => trust(address, hop) === true : compileCidrs(trust)
}

/** From the client's own to that of the last proxy but one. Node joins repeated headers in their order. */
function forwardedFor({ headers }: IncomingMessage): string[] {
  const field = [headers['x-forwarded-for'] ?? []].flat().join(',')
  return field === '' ? [] : field.split(',')
}

function parseEntry(entry: string): string | null {
  const text = entry.trim()
  return normalizeAddress(BRACKETED.exec(text)?.[1] ?? WITH_PORT.exec(text)?.[1] ?? text)
}
