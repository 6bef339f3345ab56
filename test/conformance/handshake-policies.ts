import type { EchoOptions } from '../fixtures/echo-server.ts'
import { upgradeRequest } from '../fixtures/raw-request.ts'
import { text } from './case.ts'
import { accepted, type HandshakeCase, refused, withPipelined } from './handshake-case.ts'

/** Cases that need a server with options of its own. */
export interface Policy {
  readonly name: string
  readonly options: EchoOptions
  readonly cases: readonly HandshakeCase[]
}

const NUMBERED = Array.from({ length: 1000 }, (_, index) => text(`frame ${index}`))

export const policies: readonly Policy[] = [
  {
    name: 'allowOrigins',
    options: { allowOrigins: ['https://good.example', 'http://good.example:8080'] },
    cases: origins(),
  },
  { name: 'path', options: { path: '/echo' }, cases: paths() },
  {
    name: 'verifyClient refuses',
    options: { verifyClient: () => false },
    cases: withPipelined([refused('H14.1', 'refused at once', 401)]),
  },
  {
    name: 'verifyClient rejects',
    options: { verifyClient: () => Promise.reject(new Error('verifyClient of the test')) },
    cases: withPipelined([refused('H14.2', 'a rejected promise', 500)]),
  },
  {
    name: 'verifyClient never settles',
    options: { verifyClient: () => new Promise<boolean>(() => {}), handshakeTimeoutMs: 200 },
    cases: withPipelined([refused('H14.3', 'the handshake deadline', 503)]),
  },
  ...[0, 150].map(
    (delayMs): Policy => ({
      name: `verifyClient takes ${delayMs} ms`,
      options: { verifyClient: () => new Promise<boolean>((resolve) => setTimeout(resolve, delayMs, true)) },
      cases: earlyWhileVerifying(delayMs),
    }),
  ),
  { name: 'protocols', options: { protocols: ['chat.v2', 'chat.v1'] }, cases: subprotocols() },
]

function origins(): HandshakeCase[] {
  const allowed = [
    'https://good.example',
    'https://good.example:443',
    'HTTPS://GOOD.EXAMPLE',
    'http://good.example:8080',
  ]
  const forbidden = [
    'null',
    'http://good.example',
    'https://good.example:444',
    'https://good.example:8080',
    'http://good.example:80',
    'https://good.example.evil.example',
    'https://evil-good.example',
    'https://evilgood.example',
    'https://sub.good.example',
    'https://good.exampl',
    'https://good.example@evil.example',
    'https://good.example:443@evil.example',
    'https://evil.example#https://good.example',
    'https://evil.example/https://good.example',
    'https://evil.example?https://good.example',
    'https://evil.example\\https://good.example',
    'https://good.example, https://evil.example',
    'https://evil.example https://good.example',
    'wss://good.example',
    'file://',
    'good.example',
    '//good.example',
    'https:',
    '*',
    'https://*',
    'https://g%C3%B6od.example',
    'https://xn--god-1qa.example',
    'https://good\xadexample',
    'https://[::1]',
    'http://127.0.0.1',
    'https://.good.example',
    'undefined',
  ]
  return [
    ...allowed.map((Origin, index) => accepted(`H12.${index + 1}`, `origin ${Origin}`, { Origin })),
    ...withPipelined(
      forbidden.map((Origin, index) =>
        refused(`H12.${index + 20}`, `origin ${JSON.stringify(Origin)}`, 403, { Origin }),
      ),
    ),
    refused('H12.60', 'two origins, the allowed one first', [400, 403], {
      Origin: ['https://good.example', 'https://evil.example'],
    }),
    refused('H12.61', 'two origins, the allowed one last', [400, 403], {
      Origin: ['https://evil.example', 'https://good.example'],
    }),
  ]
}

function paths(): HandshakeCase[] {
  const other = ['/', '/ech', '/echo2', '/Echo', '/echo/deeper', '//echo', '/?/echo', '/x/../echo', '//', '/%zz']
  return [
    accepted('H13.1', 'the path', {}, { target: '/echo' }),
    accepted('H13.2', 'the path with a query', {}, { target: '/echo?x=1' }),
    ...withPipelined(other.map((target, index) => refused(`H13.${index + 3}`, `path ${target}`, 404, {}, { target }))),
  ]
}

/** The kernel must keep what arrives while verifyClient is pending. */
function earlyWhileVerifying(delayMs: number): HandshakeCase[] {
  const request = upgradeRequest()
  const one = (number: number, what: string, rest: Partial<HandshakeCase>): HandshakeCase => ({
    id: `H15.${delayMs}.${number}`,
    what,
    request,
    status: [101],
    ...rest,
  })
  return [
    one(1, 'a thousand frames in the write of the handshake', { early: NUMBERED }),
    one(2, 'a thousand frames, 97 bytes per write', { early: NUMBERED, chop: 97 }),
    one(3, 'forty frames, a byte per write', { early: NUMBERED.slice(0, 40), chop: 1 }),
    one(4, 'cut behind the handshake', { early: NUMBERED, chop: request.length }),
    one(5, 'nothing early', {}),
  ]
}

function subprotocols(): HandshakeCase[] {
  const offer = (id: string, what: string, value: string | string[], chosen: string | null): HandshakeCase => ({
    ...accepted(id, what, { 'Sec-WebSocket-Protocol': value }),
    headers: { 'sec-websocket-protocol': chosen },
  })
  return [
    offer('H16.1', 'one known', 'chat.v1', 'chat.v1'),
    offer('H16.2', 'a known behind an unknown', 'other, chat.v2', 'chat.v2'),
    offer('H16.3', 'a known in a second header', ['other', 'chat.v1'], 'chat.v1'),
    // RFC 6455 §1.9 and §4.2.2: names are compared as they are, and none is better than a wrong one.
    offer('H16.4', 'a known name in other case', 'CHAT.V1', null),
    offer('H16.5', 'only unknown', 'other, another', null),
    refused('H16.6', 'a name that is no token', 400, { 'Sec-WebSocket-Protocol': 'chat(v1)' }),
    refused('H16.7', 'a name with a space', 400, { 'Sec-WebSocket-Protocol': 'chat v1' }),
  ]
}
