import { parseTokenList } from './tokens.ts'

/** The names of a `Sec-WebSocket-Protocol` request header in order of preference, or null if it is malformed. */
export function parseSubprotocols(header: string): string[] | null {
  const names = parseTokenList(header)
  // RFC 6455 §4.1: at least one element, all of them unique.
  if (names === null || names.length === 0 || new Set(names).size !== names.length) return null
  return names
}

/** The first name the client offered that is in `supported`; '' when there is none. Names are case-sensitive. */
export function selectSubprotocol(offered: readonly string[], supported: readonly string[]): string {
  return offered.find((name) => supported.includes(name)) ?? ''
}
