import { randomBytes } from 'node:crypto'
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import { acceptKey } from '../shared/protocol/handshake.ts'
import { isFieldValue, isToken, parseTokenList } from '../shared/protocol/tokens.ts'
import { CommandError, usageError } from './command-error.ts'

/** How a connection is asked for. */
export interface OpeningRequest {
  /** `ws:` or `wss:`. */
  readonly url: URL
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Subprotocols in order of preference. */
  readonly protocols: readonly string[]
  /** Whether a certificate that nobody vouches for will do. */
  readonly isInsecure: boolean
  /** Milliseconds from the start to the 101. */
  readonly timeoutMs: number
}

/** The server has agreed: from here on the socket carries frames. */
export interface OpenedSocket {
  readonly socket: Socket
  /** Bytes that came behind the 101. */
  readonly head: Buffer
  /** The subprotocol, '' for none. */
  readonly protocol: string
}

/** The server has answered with something else than 101. */
class RefusedError extends CommandError {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const KEY_BYTES = 16
/** Bytes of a refusal's body that are shown. */
const SHOWN_BODY_BYTES = 200

/** RFC 6455 §4.1. Rejects with CommandError, RefusedError or an error of the socket. */
export function openSocket(opening: OpeningRequest): Promise<OpenedSocket> {
  return new Promise((resolve, reject) => {
    const key = randomBytes(KEY_BYTES).toString('base64')
    const request = createRequest(opening, key)
    const deadline = setTimeout(() => {
      request.destroy(new CommandError(`no answer to the opening handshake within ${opening.timeoutMs / 1000} s`))
    }, opening.timeoutMs)
    const fail = (error: Error): void => {
      clearTimeout(deadline)
      request.destroy()
      reject(error)
    }
    request.on('error', fail)
    request.on('upgrade', (response, socket, head) => {
      clearTimeout(deadline)
      const fault = faultOf(response, key, opening.protocols)
      if (fault === null) return resolve({ socket: socket as Socket, head, protocol: protocolOf(response) })
      // It is the request's no more.
      socket.destroy()
      fail(new CommandError(`the server's 101 is wrong: ${fault}`))
    })
    request.on('response', (response) => {
      // Without `Upgrade` and `Connection` Node does not take it for an upgrade.
      if (response.statusCode === 101)
        return fail(new CommandError(`the server's 101 is wrong: it upgrades to nothing`))
      readStart(response).then((body) => fail(refusalOf(response, body)), fail)
    })
    request.end()
  })
}

/** @throws CommandError for what the handshake sets itself and for what would break the request. */
export function readHeader(given: string): readonly [name: string, value: string] {
  const [, name = '', value = ''] = /^([^:]*):\s*(.*)$/.exec(given) ?? []
  if (!isToken(name) || !isFieldValue(value)) {
    throw usageError(`--header must be 'Name: value' in visible ASCII, got '${given}'`)
  }
  const isReserved = /^(upgrade|connection|sec-websocket-(key|version|accept|extensions))$/i.test(name)
  if (isReserved) throw usageError(`--header must not be ${name}, which the opening handshake sets itself`)
  if (/^sec-websocket-protocol$/i.test(name)) throw usageError(`--header must not be ${name}: use --protocol`)
  return [name, value]
}

/** @throws CommandError */
export function readProtocols(given: readonly string[]): readonly string[] {
  const names = given.flatMap((each) => parseTokenList(each) ?? [each])
  for (const name of names) {
    if (!isToken(name)) throw usageError(`--protocol must be a name without spaces and separators, got '${name}'`)
  }
  if (new Set(names).size !== names.length) throw usageError('--protocol must not name one subprotocol twice')
  return names
}

function createRequest({ url, headers, protocols, isInsecure }: OpeningRequest, key: string): ClientRequest {
  const target = new URL(url)
  const isSecure = url.protocol === 'wss:'
  target.protocol = isSecure ? 'https:' : 'http:'
  const fields: Record<string, string | string[]> = {}
  for (const [name, value] of headers) fields[name] = [fields[name] ?? [], value].flat()
  Object.assign(fields, {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
    ...(protocols.length > 0 && { 'Sec-WebSocket-Protocol': protocols.join(', ') }),
  })
  // A socket of its own, which no agent takes back.
  const options = { headers: fields, agent: false as const }
  return isSecure ? requestHttps(target, { ...options, rejectUnauthorized: !isInsecure }) : requestHttp(target, options)
}

/** RFC 6455 §4.1: what fails the connection, or null. Node has checked `Upgrade` and `Connection`. */
function faultOf({ headers }: IncomingMessage, key: string, offered: readonly string[]): string | null {
  if (headers.upgrade?.toLowerCase() !== 'websocket') return `it upgrades to '${headers.upgrade}'`
  if (headers['sec-websocket-accept'] !== acceptKey(key)) return 'Sec-WebSocket-Accept does not answer the key'
  if (headers['sec-websocket-extensions'] !== undefined) return 'it has an extension that was not offered'
  const protocol = headers['sec-websocket-protocol']
  if (protocol !== undefined && !offered.includes(protocol)) return `nobody offered the subprotocol '${protocol}'`
  return null
}

function protocolOf({ headers }: IncomingMessage): string {
  return headers['sec-websocket-protocol'] ?? ''
}

function refusalOf({ statusCode = 0, statusMessage = '', headers }: IncomingMessage, body: string): RefusedError {
  const where = headers.location === undefined ? '' : `, see ${headers.location}`
  const why = /^text\/plain|json/.test(headers['content-type'] ?? '') && body.trim() !== '' ? `: ${body.trim()}` : ''
  return new RefusedError(statusCode, `the server refused with ${statusCode} ${statusMessage}${where}${why}`)
}

async function readStart(response: IncomingMessage): Promise<string> {
  let body = ''
  for await (const part of response.setEncoding('utf8')) {
    body += part
    if (body.length >= SHOWN_BODY_BYTES) break
  }
  return body.slice(0, SHOWN_BODY_BYTES)
}
