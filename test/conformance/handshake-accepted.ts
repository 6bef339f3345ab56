import { upgradeRequest } from '../fixtures/raw-request.ts'
import { ascii, text } from './case.ts'
import { accepted, type HandshakeCase } from './handshake-case.ts'

const NUMBERED = Array.from({ length: 1000 }, (_, index) => text(`frame ${index}`))

/** Handshakes that must succeed: RFC 6455 §4.2.1 read with RFC 9110 (case, white space and lists in headers). */
export const acceptedCases: readonly HandshakeCase[] = [
  accepted('H1.1', 'the plainest handshake'),
  accepted('H1.2', 'upgrade token in upper case', { Upgrade: 'WEBSOCKET' }),
  accepted('H1.3', 'upgrade token in mixed case', { Upgrade: 'WebSocket' }),
  accepted('H1.4', 'connection token in lower case', { Connection: 'upgrade' }),
  accepted('H1.5', 'connection token last of a list', { Connection: 'keep-alive, Upgrade' }),
  accepted('H1.6', 'connection token first of a list', { Connection: 'Upgrade,keep-alive' }),
  accepted('H1.7', 'two connection headers', { Connection: ['keep-alive', 'Upgrade'] }),
  accepted('H1.8', 'white space around values', {
    Connection: '   Upgrade  ',
    'Sec-WebSocket-Version': ' \t 13 \t ',
    Upgrade: '\twebsocket\t',
  }),
  accepted('H1.9', 'header names in upper case', {
    'Sec-WebSocket-Key': null,
    'SEC-WEBSOCKET-KEY': 'dGhlIHNhbXBsZSBub25jZQ==',
    Host: null,
    HOST: 'h:80',
  }),
  accepted('H1.10', 'a target with a query', {}, { target: '/chat/room?x=1&y=%20&__proto__=1' }),
  accepted('H1.11', 'a target of two slashes', {}, { target: '//' }),
  accepted('H1.12', 'a target that is no valid URL', {}, { target: '/%zz?%' }),
  accepted(
    'H1.13',
    'a target of 4000 characters',
    {},
    {
      target: `/${ascii(4000)
        .toString()
        .replace(/[^a-z]/g, 'x')}`,
    },
  ),
  accepted('H1.14', 'host with port', { Host: 'example.com:8080' }),
  accepted('H1.15', 'host as IPv6 literal', { Host: '[::1]:8080' }),
  accepted('H1.16', 'headers named like object members', {
    constructor: 'a',
    toString: 'b',
    hasOwnProperty: 'c',
    ['__proto__']: 'd',
  }),
  accepted('H1.17', 'cookies and fifty more headers', {
    Cookie: 'a=b; c=d',
    ...Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`X-Header-${index}`, `${index}`])),
  }),
  { ...accepted('H1.18', 'no extension offered, none agreed'), headers: { 'sec-websocket-extensions': null } },
  {
    ...accepted('H1.19', 'an unknown extension is declined', { 'Sec-WebSocket-Extensions': 'x-unknown; a=1, x-other' }),
    headers: { 'sec-websocket-extensions': null },
  },
  { ...accepted('H1.20', 'no subprotocol offered, none chosen'), headers: { 'sec-websocket-protocol': null } },
  {
    ...accepted('H1.21', 'a body must not be announced'),
    headers: { 'content-length': null, 'transfer-encoding': null },
  },
  accepted('H1.22', 'another key', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' }),
  accepted('H1.23', 'a key of every kind of character', { 'Sec-WebSocket-Key': '+/v7+/v7+/v7+/v7+/v7+w==' }),
  ...cuts(),
  ...early(),
]

function cuts(): HandshakeCase[] {
  const sizes = [1, 2, 3, 7, 16, 64, 100]
  return sizes.map((chop, index) => ({ ...accepted(`H2.${index + 1}`, `${chop} bytes per write`), chop }))
}

/** Frames sent before the answer: none may be lost and none reordered, however they are cut. */
function early(): HandshakeCase[] {
  const request = upgradeRequest()
  const big = text(ascii(1 << 20))
  const one = (id: string, what: string, rest: Partial<HandshakeCase>): HandshakeCase => ({
    id,
    what,
    request,
    status: [101],
    ...rest,
  })
  return [
    one('H3.1', 'one frame in the write of the handshake', { early: NUMBERED.slice(0, 1) }),
    one('H3.2', 'a thousand frames in the write of the handshake', { early: NUMBERED }),
    one('H3.3', '1 MiB in the write of the handshake', { early: [big, ...NUMBERED.slice(0, 5)] }),
    one('H3.4', 'thirty frames, a byte per write from the first', { early: NUMBERED.slice(0, 30), chop: 1 }),
    one('H3.5', 'a thousand frames, 11 bytes per write', { early: NUMBERED, chop: 11 }),
    one('H3.6', 'cut inside the last line end', { early: NUMBERED.slice(0, 20), chop: request.length - 1 }),
    one('H3.7', 'cut behind the handshake', { early: NUMBERED.slice(0, 20), chop: request.length }),
    one('H3.8', 'cut behind the first byte of the first frame', {
      early: NUMBERED.slice(0, 20),
      chop: request.length + 1,
    }),
    one('H3.9', '1 MiB, 4093 bytes per write', { early: [big, ...NUMBERED.slice(0, 5)], chop: 4093 }),
  ]
}
