import { createHash } from 'node:crypto'
import { ShardwsError } from '../errors.ts'
import { type Extension, parseExtensions } from './extensions.ts'
import { reasonPhrase } from './reason-phrases.ts'
import { parseSubprotocols } from './subprotocol.ts'
import { isFieldValue, isToken, parseTokenList, trimWhitespace } from './tokens.ts'

/** The part of a request that an opening handshake is checked by; an `http.IncomingMessage` is one. */
export interface UpgradeHead {
  readonly method: string
  readonly httpVersion: string
  readonly url: string
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[]
}

/** What a valid opening handshake asks for. */
export interface OpeningHandshake {
  readonly key: string
  /** Offered subprotocols in order of preference. */
  readonly protocols: readonly string[]
  /** Offered extensions in order of preference, known to us or not. */
  readonly extensions: readonly Extension[]
  readonly origin: string | undefined
}

/** How large an opening handshake may be. */
export interface HandshakeLimits {
  /** Header fields, a repeated name counted every time. */
  readonly maxHeaderFields: number
  /** Bytes of the request target. */
  readonly maxUrlLength: number
}

const KEY_CHARACTERS = 24
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** 16 bytes end in a character that carries two bits: its other four are 0. */
const LAST_KEY_CHARACTERS = 'AQgw'

/** RFC 6455 §1.3 */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** What the answer's own headers say, and nobody else. */
const FRAMING_HEADERS = ['connection', 'content-length', 'transfer-encoding']

/** The values of the headers that matter, of which a client may send none or several. */
type Collected = ReturnType<typeof noHeaders>

// A literal: built from a list of names it would be half of what checking a request costs.
function noHeaders() {
  return {
    host: [] as string[],
    upgrade: [] as string[],
    connection: [] as string[],
    'content-length': [] as string[],
    'transfer-encoding': [] as string[],
    origin: [] as string[],
    'sec-websocket-key': [] as string[],
    'sec-websocket-version': [] as string[],
    'sec-websocket-protocol': [] as string[],
    'sec-websocket-extensions': [] as string[],
  }
}

/**
 * Checks an upgrade request by RFC 6455 §4.2.1 and RFC 9112, that is everything Node's HTTP parser lets
 * through and either forbids. Any `Content-Length`, 0 too, and any `Transfer-Encoding` is refused: bytes
 * after the head are frames. Absolute-form targets are refused, nobody opens a WebSocket with them.
 */
export function validateUpgrade(head: UpgradeHead, limits: HandshakeLimits): OpeningHandshake | ShardwsError {
  // First of all: Node keeps about 1000 fields, and one that it has dropped may be the one that matters.
  if (head.rawHeaders.length > 2 * limits.maxHeaderFields) return new ShardwsError('HEADERS_TOO_LARGE')
  // RFC 9112 §3: a target longer than the server wants to parse is answered with 414.
  if (head.url.length > limits.maxUrlLength) return new ShardwsError('URI_TOO_LONG')
  // RFC 6455 §4.2.1: a GET request, HTTP/1.1 or higher.
  if (head.method !== 'GET') return new ShardwsError('METHOD_NOT_ALLOWED')
  if (!isUpgradableVersion(head.httpVersion)) return badRequest('HTTP/1.1 is required')
  const headers = collect(head.rawHeaders)
  const fault =
    checkTarget(head.url) ??
    checkFraming(headers) ??
    checkHost(headers.host) ??
    checkUpgrade(headers) ??
    checkKey(headers)
  if (fault !== null) return fault

  // RFC 6455 §11.3.4: the header may be repeated and counts as one list then.
  const offered = headers['sec-websocket-protocol']
  const protocols = offered.length === 0 ? [] : parseSubprotocols(offered.join(','))
  if (protocols === null) return badRequest('Sec-WebSocket-Protocol must be a list of different tokens')
  // RFC 6455 §9.1: a malformed list of extensions fails the handshake, whether we know any of them or not.
  const extensions = parseExtensions(headers['sec-websocket-extensions'].join(','))
  if (extensions === null) return badRequest('Sec-WebSocket-Extensions is malformed')
  if (headers.origin.length > 1) return badRequest('Origin must not be repeated')
  return { key: headers['sec-websocket-key'][0] as string, protocols, extensions, origin: headers.origin[0] }
}

/** The two parts of a request target: the path, not decoded, and the query without its `?`; '' when there is none. */
export function splitTarget(url: string): { path: string; query: string } {
  const end = url.indexOf('?')
  return end === -1 ? { path: url, query: '' } : { path: url.slice(0, end), query: url.slice(end + 1) }
}

/** RFC 6455 §4.2.2: the value of `Sec-WebSocket-Accept` that answers `key`. */
export function acceptKey(key: string): string {
  return createHash('sha1')
    .update(key + ACCEPT_GUID)
    .digest('base64')
}

/**
 * The complete head of a 101 answer, ASCII. `protocol` and `extensions` are left out when ''.
 *
 * @throws ShardwsError ARGUMENT_INVALID for a header that is malformed or belongs to the handshake itself.
 */
export function formatAccepted(
  key: string,
  protocol: string,
  extensions: string,
  extraHeaders: readonly (readonly [string, string])[] = [],
): string {
  let head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n`
  if (protocol !== '') {
    if (!isToken(protocol))
      throw invalid(`protocol must be a token: ${JSON.stringify(protocol)}; return a name the client offered`)
    head += headerLine('Sec-WebSocket-Protocol', protocol)
  }
  if (extensions !== '') head += headerLine('Sec-WebSocket-Extensions', extensions)
  for (const [name, value] of extraHeaders) {
    const lowerCase = name.toLowerCase()
    if (lowerCase === 'upgrade' || lowerCase.startsWith('sec-websocket-')) throw reserved(name)
    head += callerLine(name, value)
  }
  return `${head}\r\n`
}

/**
 * A complete answer that refuses an opening handshake and announces the end of the connection. What RFC
 * 9110 demands of 405 and 426 is added; `headers` may replace it and the content type.
 *
 * @throws ShardwsError ARGUMENT_INVALID for a status outside 300-599, a header that is malformed or frames the answer, or a
 * body that is no string.
 */
export function formatRefusal(status: number, headers: Readonly<Record<string, string>>, body: string): string {
  if (!Number.isInteger(status) || status < 300 || status > 599) {
    throw invalid(`status must be an integer from 300 to 599, not ${String(status)}; accept the client to answer 101`)
  }
  let head = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`
  // RFC 9110 §7.8: who sends Upgrade names it in Connection.
  head += headerLine('Connection', status === 426 ? 'close, Upgrade' : 'close')
  for (const [name, value] of Object.entries(headers)) head += callerLine(name, value)
  const given = new Set(Object.keys(headers).map((name) => name.toLowerCase()))
  for (const [name, value] of requiredHeaders(status)) {
    if (!given.has(name.toLowerCase())) head += headerLine(name, value)
  }
  if (typeof body !== 'string') throw invalid(`body must be a string, not ${typeof body}; encode it`)
  return `${head}${headerLine('Content-Length', String(Buffer.byteLength(body)))}\r\n${body}`
}

function requiredHeaders(status: number): [string, string][] {
  const headers: [string, string][] = [['Content-Type', 'text/plain; charset=utf-8']]
  // RFC 9110 §15.5.6
  if (status === 405) headers.push(['Allow', 'GET'])
  // RFC 9110 §15.5.22 and RFC 6455 §4.4
  if (status === 426) headers.push(['Upgrade', 'websocket'], ['Sec-WebSocket-Version', '13'])
  return headers
}

function callerLine(name: string, value: string): string {
  if (FRAMING_HEADERS.includes(name.toLowerCase())) throw reserved(name)
  return headerLine(name, value)
}

function headerLine(name: string, value: string): string {
  if (!isToken(name))
    throw invalid(`headers must be named by tokens: ${JSON.stringify(name)}; remove spaces and separators`)
  // An object is no string until it is written, and then it may hold anything.
  if (typeof value !== 'string' || !isFieldValue(value)) {
    throw invalid(
      `headers must have visible ASCII values: ${name} is ${JSON.stringify(value)}; encode other characters`,
    )
  }
  return `${name}: ${value}\r\n`
}

function reserved(name: string): ShardwsError {
  return invalid(`headers must not contain ${name}, which the handshake sets itself; leave it out`)
}

function invalid(message: string): ShardwsError {
  return new ShardwsError('ARGUMENT_INVALID', message)
}

function badRequest(message: string): ShardwsError {
  return new ShardwsError('BAD_REQUEST', message)
}

function isUpgradableVersion(version: string): boolean {
  return version.length === 3 && version.startsWith('1.') && version >= '1.1' && version <= '1.9'
}

function collect(rawHeaders: readonly string[]): Collected {
  const headers = noHeaders()
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase()
    if (Object.hasOwn(headers, name)) headers[name as keyof Collected].push(rawHeaders[at + 1] as string)
  }
  return headers
}

function checkTarget(url: string): ShardwsError | null {
  // RFC 9112 §3.2.1: origin-form.
  if (!url.startsWith('/')) return badRequest('the request target must be a path')
  for (let at = 0; at < url.length; at += 1) {
    const code = url.charCodeAt(at)
    // RFC 3986 §2: visible ASCII; a fragment never reaches a server.
    if (code <= 0x20 || code > 0x7e || url[at] === '#')
      return badRequest('the request target has a forbidden character')
  }
  return null
}

function checkFraming(headers: Collected): ShardwsError | null {
  const hasBody = headers['content-length'].length > 0 || headers['transfer-encoding'].length > 0
  return hasBody ? badRequest('an opening handshake has no body') : null
}

function checkHost(hosts: readonly string[]): ShardwsError | null {
  const [host = ''] = hosts
  // RFC 9112 §3.2: exactly one Host with a valid value.
  if (hosts.length !== 1 || host === '') return badRequest('exactly one Host is required')
  for (let at = 0; at < host.length; at += 1) {
    const code = host.charCodeAt(at)
    if (code <= 0x20 || code > 0x7e || '"#,/<>?@\\^`{|}'.includes(host[at] as string)) {
      return badRequest('Host has a forbidden character')
    }
  }
  return null
}

function checkUpgrade(headers: Collected): ShardwsError | null {
  const names = headers.upgrade.join(',').toLowerCase().split(',').map(trimWhitespace).filter(Boolean)
  // RFC 6455 §4.2.1: Upgrade is websocket; next to another protocol it would be unclear which one the 101 starts.
  if (!names.includes('websocket')) return new ShardwsError('UPGRADE_REQUIRED')
  if (names.length > 1) return badRequest('Upgrade must be websocket and nothing else')
  // RFC 6455 §4.2.1: Connection contains the token Upgrade.
  const options = parseTokenList(headers.connection.join(','))
  const isUpgrade = options?.some((option) => option.toLowerCase() === 'upgrade') ?? false
  return isUpgrade ? null : badRequest('Connection must contain Upgrade')
}

function checkKey(headers: Collected): ShardwsError | null {
  const keys = headers['sec-websocket-key']
  if (keys.length !== 1 || !isKey(keys[0] as string)) {
    return badRequest('exactly one Sec-WebSocket-Key of 16 bytes in base64 is required')
  }
  const versions = headers['sec-websocket-version']
  const [version = ''] = versions
  if (versions.length !== 1 || !isVersionNumber(version))
    return badRequest('exactly one Sec-WebSocket-Version is required')
  // RFC 6455 §4.2.2: another version is answered with 426 and the versions spoken.
  return version === '13' ? null : new ShardwsError('UPGRADE_REQUIRED')
}

function isKey(key: string): boolean {
  if (key.length !== KEY_CHARACTERS || !key.endsWith('==')) return false
  for (let at = 0; at < KEY_CHARACTERS - 3; at += 1) {
    if (!BASE64.includes(key[at] as string)) return false
  }
  return LAST_KEY_CHARACTERS.includes(key[KEY_CHARACTERS - 3] as string)
}

/** RFC 6455 §4.3: 0 to 255 without leading zeros. */
function isVersionNumber(text: string): boolean {
  const version = Number(text)
  return Number.isInteger(version) && version >= 0 && version <= 255 && String(version) === text
}
