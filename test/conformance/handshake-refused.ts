import { encodeFrame } from '../fixtures/raw-frame.ts'
import { upgradeRequest } from '../fixtures/raw-request.ts'
import { text } from './case.ts'
import { CORRECT_LINES, type HandshakeCase, refused, refusedBytes, withPipelined } from './handshake-case.ts'

const VERSION_13 = { 'sec-websocket-version': '13' }

/** Handshakes that must be refused: RFC 6455 §4.2.1 and §4.4, RFC 9110 and RFC 9112. */
export const refusedCases: readonly HandshakeCase[] = [
  ...withPipelined([...keys(), ...versions(), ...tokens(), ...requestLines(), ...hosts(), ...malformed()]),
  ...bodies(),
  ...floods(),
]

function keys(): HandshakeCase[] {
  const bad: [string, string | string[] | null][] = [
    ['no key', null],
    ['an empty key', ''],
    ['a key of 15 bytes', 'AAAAAAAAAAAAAAAAAAAA'],
    ['a key of 17 bytes', 'AAAAAAAAAAAAAAAAAAAAAAA='],
    ['a key without padding', 'dGhlIHNhbXBsZSBub25jZQ'],
    ['a key that is not base64', 'dGhlIHNhbXBsZSBub2*jZQ=='],
    ['a key in base64url', '-_v7-_v7-_v7-_v7-_v7-w=='],
    ['a key with a space', 'dGhlIHNhbXBs ZSBub25jZQ='],
    ['two keys', ['dGhlIHNhbXBsZSBub25jZQ==', 'AAAAAAAAAAAAAAAAAAAAAA==']],
    ['the same key twice', ['dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZQ==']],
  ]
  return bad.map(([what, key], index) => refused(`H4.${index + 1}`, what, 400, { 'Sec-WebSocket-Key': key }))
}

function versions(): HandshakeCase[] {
  const other = ['8', '0', '7', '12', '14', '25', '255'].map(
    (version, index): HandshakeCase => ({
      ...refused(`H5.${index + 1}`, `version ${version}`, 426, { 'Sec-WebSocket-Version': version }),
      headers: VERSION_13,
    }),
  )
  // §4.4 asks for 426 when a version was named; a missing or unreadable one is a malformed request as well.
  const unreadable: [string, string | string[] | null][] = [
    ['no version', null],
    ['an empty version', ''],
    ['a word as version', 'thirteen'],
    ['version 13.0', '13.0'],
    ['version 013', '013'],
    ['version -13', '-13'],
    ['version 130', '130'],
    ['two versions', ['13', '8']],
    ['a list of versions', '8, 13'],
  ]
  return [
    ...other,
    ...unreadable.map(([what, version], index) =>
      refused(`H5.${other.length + index + 1}`, what, [400, 426], { 'Sec-WebSocket-Version': version }),
    ),
  ]
}

function tokens(): HandshakeCase[] {
  return [
    refused('H6.1', 'upgrade to h2c', [400, 404, 426], { Upgrade: 'h2c' }),
    refused('H6.2', 'upgrade to h2c or websocket', 400, { Upgrade: 'h2c, websocket' }),
    refused('H6.3', 'upgrade to websocket and back', 400, { Upgrade: ['websocket', 'websocket'] }),
    refused('H6.4', 'upgrade to something that begins alike', [400, 426], { Upgrade: 'websockets' }),
    refused('H6.5', 'no upgrade header', [400, 404, 426], { Upgrade: null }),
    refused('H6.6', 'no connection header', [400, 404, 426], { Connection: null }),
    refused('H6.7', 'connection without the token', [400, 404, 426], { Connection: 'keep-alive' }),
    refused('H6.8', 'connection with a token that begins alike', [400, 404, 426], { Connection: 'Upgraded' }),
    refused('H6.9', 'a plain request', [400, 404, 426], {
      Upgrade: null,
      Connection: 'close',
      'Sec-WebSocket-Key': null,
      'Sec-WebSocket-Version': null,
    }),
  ]
}

function requestLines(): HandshakeCase[] {
  const methods = ['POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH'].map(
    (method, index): HandshakeCase => ({
      ...refused(`H7.${index + 1}`, `method ${method}`, 405, {}, { method }),
      // RFC 9110 §15.5.6: a 405 must name the methods that are allowed.
      headers: { allow: 'GET' },
    }),
  )
  return [
    ...methods,
    refused('H7.7', 'HTTP/1.0', 400, {}, { version: 'HTTP/1.0' }),
    refused('H7.8', 'HTTP/2.0', [400, 505], {}, { version: 'HTTP/2.0' }),
    refused('H7.9', 'HTTP/1.2', [400, 505], {}, { version: 'HTTP/1.2' }),
    refused('H7.10', 'a method in lower case', [400, 405, 501], {}, { method: 'get' }),
    refused('H7.11', 'an invented method', [400, 405, 501], {}, { method: 'FETCH' }),
    // RFC 6455 §4.2.1 would allow it; the engine documents that it does not.
    refused('H7.15', 'a target in absolute form', 400, {}, { target: 'http://127.0.0.1/' }),
    refused('H7.16', 'a target with a fragment', 400, {}, { target: '/#x' }),
    refusedBytes('H7.12', 'no version', [400], 'GET /', ...CORRECT_LINES),
    refusedBytes('H7.13', 'no target', [400], 'GET HTTP/1.1', ...CORRECT_LINES),
    refusedBytes('H7.14', 'not HTTP at all', [400], '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', ...CORRECT_LINES),
  ]
}

function hosts(): HandshakeCase[] {
  return [
    // RFC 9112 §3.2: none or several are answered with 400.
    refused('H8.1', 'no host', 400, { Host: null }),
    refused('H8.2', 'two hosts', 400, { Host: ['a.example', 'b.example'] }),
    refused('H8.3', 'the same host twice', 400, { Host: ['a.example', 'a.example'] }),
  ]
}

function malformed(): HandshakeCase[] {
  const line = 'GET / HTTP/1.1'
  return [
    refusedBytes('H9.1', 'white space before a colon', [400], line, 'X-A : b', ...CORRECT_LINES),
    refusedBytes('H9.2', 'a header without a colon', [400], line, 'X-A', ...CORRECT_LINES),
    refusedBytes('H9.3', 'a header without a name', [400], line, ': b', ...CORRECT_LINES),
    refusedBytes('H9.4', 'a folded header', [400], line, ...CORRECT_LINES, 'X-A: b', ' folded'),
    refusedBytes('H9.5', 'a NUL in a value', [400], line, 'X-A: b\0c', ...CORRECT_LINES),
    refusedBytes('H9.6', 'a bare CR in a value', [400], line, 'X-A: b\rX-B: c', ...CORRECT_LINES),
    refusedBytes('H9.7', 'a bracket in a name', [400], line, 'X[A]: b', ...CORRECT_LINES),
    refusedBytes('H9.8', 'a letter beyond ASCII in a name', [400], line, 'X-Ä: b', ...CORRECT_LINES),
  ]
}

/** A body would reach the frame parser if it were not refused: here it is a well-formed frame. */
function bodies(): HandshakeCase[] {
  const frame = encodeFrame(text('smuggled'))
  const chunked = Buffer.concat([Buffer.from(`${frame.length.toString(16)}\r\n`), frame, Buffer.from('\r\n0\r\n\r\n')])
  const length = { 'Content-Length': `${frame.length}` }
  const withBody = (
    id: string,
    what: string,
    headers: Record<string, string>,
    behind: Buffer,
    chop?: number,
  ): HandshakeCase => ({
    id,
    what,
    request: upgradeRequest(headers),
    status: [400],
    behind,
    ...(chop === undefined ? {} : { chop }),
  })
  return [
    withBody('H10.1', 'a body with a length', length, frame),
    withBody('H10.2', 'a chunked body', { 'Transfer-Encoding': 'chunked' }, chunked),
    withBody('H10.3', 'a body with both', { ...length, 'Transfer-Encoding': 'chunked' }, chunked),
    withBody('H10.4', 'a body with a length, a byte per write', length, frame, 1),
    withBody('H10.5', 'a chunked body, a byte per write', { 'Transfer-Encoding': 'chunked' }, chunked, 1),
    withBody('H10.6', 'two lengths', { 'Content-Length': '3, 4' }, frame),
    withBody('H10.7', 'a length that is no number', { 'Content-Length': 'x' }, frame),
    withBody('H10.8', 'an unknown transfer coding', { 'Transfer-Encoding': 'x-own' }, frame),
    withBody('H10.9', 'a body with a length, a request behind it', length, Buffer.concat([frame, upgradeRequest()])),
  ]
}

/** The upgrade headers come first or last: a parser that stops counting must not lose them silently. */
function floods(): HandshakeCase[] {
  const extra = (count: number): string[] => Array.from({ length: count }, (_, index) => `A${index}:`)
  const counts = [990, 1000, 1500, 1990, 2000, 2100]
  const tooMany = counts
    .filter((count) => count > 1000)
    .flatMap((count, index) => [
      refusedBytes(
        `H11.${index * 2 + 1}`,
        `${count} headers behind`,
        [400, 431],
        'GET / HTTP/1.1',
        ...CORRECT_LINES,
        ...extra(count),
      ),
      refusedBytes(
        `H11.${index * 2 + 2}`,
        `${count} headers before`,
        [400, 431],
        'GET / HTTP/1.1',
        ...extra(count),
        ...CORRECT_LINES,
      ),
    ])
  const long = (size: number): string => 'x'.repeat(size)
  return [
    ...tooMany,
    refusedBytes(
      'H11.20',
      'a header of 17 KiB',
      [400, 431],
      'GET / HTTP/1.1',
      ...CORRECT_LINES,
      `X-Long: ${long(17_408)}`,
    ),
    refusedBytes(
      'H11.21',
      'a header name of 17 KiB',
      [400, 431],
      'GET / HTTP/1.1',
      ...CORRECT_LINES,
      `${long(17_408)}: x`,
    ),
    refusedBytes('H11.22', 'a target of 17 KiB', [400, 414, 431], `GET /${long(17_408)} HTTP/1.1`, ...CORRECT_LINES),
  ]
}
