import { BlockList, isIPv4 } from 'node:net'
import { normalizeAddress } from '../shared/address.ts'

interface Cidr {
  readonly address: string
  readonly family: 'ipv4' | 'ipv6'
  /** Bits that must agree. */
  readonly prefix: number
}

/** Leading bits that all IPv4-mapped addresses share. */
const MAPPED_BITS = 96

const CIDR = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/

/** An IP address, or a range of them as in `10.0.0.0/8` and `2001:db8::/32`. */
export function isCidr(value: unknown): boolean {
  return typeof value === 'string' && parseCidr(value) !== null
}

/**
 * Whether an address is in one of the ranges. Takes addresses as `normalizeAddress` spells them.
 *
 * @param ranges each of which `isCidr`.
 */
export function compileCidrs(ranges: readonly string[]): (address: string) => boolean {
  // One list per family: to a BlockList every IPv4 address is in ::/0 too, so 'deny all IPv6' would deny everyone.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const range of ranges) {
    const cidr = parseCidr(range)
    if (cidr !== null) lists[cidr.family].addSubnet(cidr.address, cidr.prefix, cidr.family)
  }
  return (address) => {
    const family = familyOf(address)
    return lists[family].check(address, family)
  }
}

function parseCidr(text: string): Cidr | null {
  const [, given = '', digits] = CIDR.exec(text) ?? []
  const address = given.includes('%') ? null : normalizeAddress(given)
  if (address === null) return null
  const family = familyOf(address)
  const bits = given.includes(':') ? 128 : 32
  const prefix = digits === undefined ? bits : Number(digits)
  if (prefix > bits) return null
  if (family === 'ipv6' || bits === 32) return { address, family, prefix }
  // A mapped range that reaches beyond the IPv4 addresses is a slip of the pen.
  return prefix < MAPPED_BITS ? null : { address, family, prefix: prefix - MAPPED_BITS }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6'
}
