import { ShardwsError } from '../shared/errors.ts'

type Answer<T> = T | (() => T | Promise<T>)

/** Who the client is, in one of the two places where a browser can say so. */
export type TokenOptions =
  /** `{ query: 'token', value }`: `?token=…`. Queries tend to be logged by what is between the two. */
  | { readonly query: string; readonly value: Answer<string> }
  /** `{ protocol: 'bearer.', value }`: the subprotocol `bearer.…`, for `tokenFromProtocol('bearer.')` of the server. */
  | { readonly protocol: string; readonly value: Answer<string> }

export type UrlOption = Answer<string | URL>

export interface Address {
  readonly url: string
  readonly protocols: string[]
}

/** Where the next attempt goes. Rejects with whatever the functions of the caller reject with. */
export async function findAddress(
  url: UrlOption,
  protocols: readonly string[],
  token: TokenOptions | undefined,
): Promise<Address> {
  const target = parseUrl(await answerOf(url))
  if (token === undefined) return { url: target.href, protocols: [...protocols] }
  const value = await answerOf(token.value)
  if ('protocol' in token) return { url: target.href, protocols: [...protocols, token.protocol + value] }
  target.searchParams.set(token.query, value)
  return { url: target.href, protocols: [...protocols] }
}

/**
 * `http:` and `https:` become `ws:` and `wss:`; in a page a relative URL starts from the page's own.
 *
 * @throws ShardwsError ARGUMENT_INVALID
 */
export function parseUrl(url: string | URL): URL {
  const page = (globalThis as { location?: { href?: string } }).location?.href
  let parsed: URL
  try {
    parsed = new URL(url, page)
  } catch (cause) {
    throw new ShardwsError('ARGUMENT_INVALID', `url must be a ws: or wss: URL, got ${String(url)}`, { cause })
  }
  parsed.protocol = parsed.protocol.replace(/^http/, 'ws')
  // A fragment makes the constructor of a WebSocket throw.
  parsed.hash = ''
  if (parsed.protocol === 'ws:' || parsed.protocol === 'wss:') return parsed
  throw new ShardwsError('ARGUMENT_INVALID', `url must be a ws: or wss: URL, got ${parsed.protocol}`)
}

async function answerOf<T extends string | URL>(answer: Answer<T>): Promise<T> {
  return typeof answer === 'function' ? await answer() : answer
}
