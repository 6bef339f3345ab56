import { SAMPLE_KEY } from '../fixtures/raw-request.ts'
import { accepted, CORRECT_LINES, type HandshakeCase, refused, refusedBytes, withPipelined } from './handshake-case.ts'

const LINE = 'GET / HTTP/1.1'
const EXTENSIONS = 'Sec-WebSocket-Extensions'
const PROTOCOL = 'Sec-WebSocket-Protocol'

/** Row 53: HTTP as RFC 9112 has it around a correct handshake, after the cases of h1spec, and fields that lie. */
export const httpCases: readonly HandshakeCase[] = [
  ...tolerated(),
  ...withPipelined([...requestLines(), ...lineEnds(), ...fields(), ...lengths(), ...handshakeFields()]),
]

/** RFC 9112 §2.2 and §5: what a server should or must overlook. */
function tolerated(): HandshakeCase[] {
  const raw = (id: string, what: string, text: string): HandshakeCase => ({
    id,
    what,
    request: Buffer.from(text, 'latin1'),
    status: [101],
  })
  const lines = CORRECT_LINES.join('\r\n')
  return [
    raw('row 53: H18.1', 'an empty line before the request', `\r\n${LINE}\r\n${lines}\r\n\r\n`),
    raw('row 53: H18.2', 'no space behind colons', `${LINE}\r\n${lines.replaceAll(': ', ':')}\r\n\r\n`),
    raw('row 53: H18.3', 'tabs behind colons', `${LINE}\r\n${lines.replaceAll(': ', ':\t\t')}\r\n\r\n`),
    raw('row 53: H18.4', 'spaces behind values', `${LINE}\r\n${lines.replaceAll('\r\n', '  \r\n')}\r\n\r\n`),
    accepted('row 53: H18.5', 'an empty field', { 'X-Empty': '' }),
    accepted('row 53: H18.6', 'every character of a name', { "X!#$%&'*+-.^_`|~09": 'a' }),
    accepted('row 53: H18.7', 'a value in Latin-1', { 'X-A': '\xe9' }),
    accepted('row 53: H18.8', 'Connection with empty elements', { Connection: ',, ,Upgrade, ,' }),
    accepted('row 53: H18.9', 'every character of a path', {}, { target: "/-._~!$&'()*+,;=:@%41/?/?" }),
  ]
}

function requestLines(): HandshakeCase[] {
  const bad: [string, string][] = [
    ['a tab behind the method', 'GET\t/ HTTP/1.1'],
    ['a space before the method', ' GET / HTTP/1.1'],
    ['something behind the version', 'GET / HTTP/1.1 x'],
    ['a version in lower case', 'GET / http/1.1'],
    ['a version without a minor', 'GET / HTTP/1'],
    ['a version with two digits', 'GET / HTTP/1.10'],
    ['another protocol', 'GET / SPDY/1.1'],
    ['a space in the target', 'GET /a b HTTP/1.1'],
    ['a NUL in the target', 'GET /\0 HTTP/1.1'],
    ['a letter beyond ASCII in the target', 'GET /\xe9 HTTP/1.1'],
    ['a method that is no token', 'GE(T / HTTP/1.1'],
    ['an absolute target of the same host', 'GET http://127.0.0.1/ HTTP/1.1'],
    ['an absolute target as of WebSocket', 'GET ws://127.0.0.1/ HTTP/1.1'],
    ['an absolute target with user information', 'GET http://a@127.0.0.1/ HTTP/1.1'],
    ['an authority', 'GET 127.0.0.1:80 HTTP/1.1'],
    ['an asterisk', 'GET * HTTP/1.1'],
    ['a target that begins with a backslash', 'GET \\ HTTP/1.1'],
  ]
  return bad.map(([what, line], index) =>
    refusedBytes(`row 53: H19.${index + 1}`, what, [400, 405, 501, 505], line, ...CORRECT_LINES),
  )
}

/** RFC 9112 §2.2: a bare CR or LF ends no line; the one or the other reading would smuggle a field. */
function lineEnds(): HandshakeCase[] {
  const lines = CORRECT_LINES.join('\r\n')
  const bad: [string, string][] = [
    ['a bare CR behind the request line', `${LINE}\r${lines}\r\n\r\n`],
    ['a bare CR between fields', `${LINE}\r\nX-A: b\rX-B: c\r\n${lines}\r\n\r\n`],
    ['CR CR LF', `${LINE}\r\n${lines.replaceAll('\r\n', '\r\r\n')}\r\n\r\n`],
  ]
  return bad.map(([what, text], index) => ({
    id: `row 53: H20.${index + 1}`,
    what,
    request: Buffer.from(text, 'latin1'),
    status: [400],
  }))
}

/** RFC 9112 §5: field lines. */
function fields(): HandshakeCase[] {
  const bad: [string, string][] = [
    ['a tab before the colon', 'X-A\t: b'],
    ['a space in the name', 'X A: b'],
    ['a slash in the name', 'X/A: b'],
    ['quotes around the name', '"X-A": b'],
    ['a NUL in the name', 'X\0A: b'],
    ['a line that begins with a space', ' X-A: b'],
    ['a control character in the value', 'X-A: \x01'],
    ['DEL in the value', 'X-A: \x7f'],
    ['only a colon', ':'],
  ]
  return bad.flatMap(([what, line], index) => [
    refusedBytes(`row 53: H21.${index + 1}a`, `${what}, first`, [400], LINE, line, ...CORRECT_LINES),
    refusedBytes(`row 53: H21.${index + 1}b`, `${what}, last`, [400], LINE, ...CORRECT_LINES, line),
  ])
}

/** RFC 9112 §6.3: lengths on which two readers might not agree. A handshake has none at all. */
function lengths(): HandshakeCase[] {
  const bad: [string, string][] = [
    ['0', '0'],
    ['a sign', '+5'],
    ['a negative', '-5'],
    ['hexadecimal', '0x5'],
    ['empty', ''],
    ['a list', '5, 5'],
    ['more than any integer', '99999999999999999999999'],
    ['a fraction', '5.0'],
  ]
  const codings = ['chunked', 'identity', 'gzip, chunked', 'chunked, chunked', 'Chunked', ' chunked', 'xchunked', '']
  return [
    ...bad.map(([what, value], index) =>
      refused(`row 53: H22.${index + 1}`, `a length: ${what}`, 400, { 'Content-Length': value }),
    ),
    ...codings.map((value, index) =>
      refused(`row 53: H22.${index + 20}`, `a coding: '${value}'`, [400, 501], { 'Transfer-Encoding': value }),
    ),
  ]
}

/** RFC 6455 §4.2.1, fields that are almost right. */
function handshakeFields(): HandshakeCase[] {
  // Without the token in Connection it is a plain request to Node, and gets the 426 of the listener for those.
  const plain = [400, 426]
  const bad: [string, number | number[], Record<string, string | string[] | null>][] = [
    ['websocket as one of two', 400, { Upgrade: 'websocket, h2c' }],
    ['websocket in a second field', 400, { Upgrade: ['h2c', 'websocket'] }],
    ['websocket with a version', 426, { Upgrade: 'websocket/13' }],
    ['websocket in quotes', 426, { Upgrade: '"websocket"' }],
    ['Connection names Upgrade in quotes', plain, { Connection: '"Upgrade"' }],
    ['Connection names Upgrade behind a space', plain, { Connection: 'keep-alive Upgrade' }],
    ['Connection closes', plain, { Connection: 'close' }],
    [
      'a key of base64 with a bit set that decodes to nothing',
      400,
      { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAB==' },
    ],
    ['a key of 24 other characters', 400, { 'Sec-WebSocket-Key': 'A'.repeat(24) }],
    ['a key twice in one field', 400, { 'Sec-WebSocket-Key': `${SAMPLE_KEY}, ${SAMPLE_KEY}` }],
    ['a host with a space', 400, { Host: 'a b' }],
    ['a host list', 400, { Host: 'a, b' }],
    ['a host with user information', 400, { Host: 'a@b' }],
    ['a host with a path', 400, { Host: 'a/b' }],
    ['an empty host', 400, { Host: '' }],
    ['two origins', 400, { Origin: ['http://a', 'http://a'] }],
    ['an empty list of subprotocols', 400, { [PROTOCOL]: '' }],
    ['a subprotocol in quotes', 400, { [PROTOCOL]: '"chat"' }],
    ['a subprotocol twice', 400, { [PROTOCOL]: ['chat', 'chat'] }],
    ['an extension without a name', 400, { [EXTENSIONS]: ';a' }],
    ['an extension of only commas', 400, { [EXTENSIONS]: ',,' }],
    ['a list of extensions broken in its second field', 400, { [EXTENSIONS]: ['a', 'b;'] }],
  ]
  return bad.map(([what, status, headers], index) => refused(`row 53: H23.${index + 1}`, what, status, headers))
}
