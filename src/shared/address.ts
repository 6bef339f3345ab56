import { isIPv4, isIPv6, SocketAddress } from 'node:net'

/** How `SocketAddress` spells an IPv4 address in IPv6, RFC 4291 §2.5.5.2: what a dual-stack socket calls its IPv4 peers. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/

/** The one spelling of an IP address, IPv4-mapped IPv6 as IPv4 and without a zone; null for anything else. */
export function normalizeAddress(text: string): string | null {
  if (isIPv4(text)) return text
  if (!isIPv6(text)) return null
  const [withoutZone = ''] = text.split('%', 1)
  const { address } = new SocketAddress({ address: withoutZone, family: 'ipv6' })
  return MAPPED.exec(address)?.[1] ?? address
}

/**
 * What counts as one client: an IPv4 address, or the /64 of an IPv6 address, of which a single subscriber has 2^64.
 *
 * @param address as `normalizeAddress` spells it.
 */
export function addressBlock(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const before = groups(head)
  const after = groups(tail ?? '')
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`
}

function groups(text: string): string[] {
  return text === '' ? [] : text.split(':')
}
