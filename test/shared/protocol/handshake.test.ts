import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { ShardwsError } from '../../../src/shared/errors.ts'
import {
  acceptKey,
  formatAccepted,
  formatRefusal,
  type OpeningHandshake,
  splitTarget,
  type UpgradeHead,
  validateUpgrade,
} from '../../../src/shared/protocol/handshake.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const LIMITS = { maxHeaderFields: 100, maxUrlLength: 4096 }
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

type Pairs = [string, string][]

const PLAIN: Pairs = [
  ['Host', 'example.com'],
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Key', KEY],
  ['Sec-WebSocket-Version', '13'],
]

interface Change {
  readonly method?: string
  readonly httpVersion?: string
  readonly url?: string
  /** Headers in place of those of the same name; null removes one. */
  readonly set?: Readonly<Record<string, string | null>>
  readonly add?: Pairs
}

function headOf({ method = 'GET', httpVersion = '1.1', url = '/chat', set = {}, add = [] }: Change): UpgradeHead {
  const pairs = PLAIN.flatMap(([name, value]): Pairs => {
    const replaced = set[name]
    return replaced === null ? [] : [[name, replaced ?? value]]
  })
  return { method, httpVersion, url, rawHeaders: [...pairs, ...add].flat() }
}

function validate(change: Change): OpeningHandshake | ShardwsError {
  return validateUpgrade(headOf(change), LIMITS)
}

const ACCEPTED: [string, Change][] = [
  ['the plainest request', {}],
  ['HTTP/1.2', { httpVersion: '1.2' }],
  ['HTTP/1.9', { httpVersion: '1.9' }],
  ['any case in names and values', { set: { Upgrade: 'WebSocket', Connection: 'upgrade' } }],
  ['header names in upper case', { set: { Upgrade: null }, add: [['UPGRADE', 'websocket']] }],
  ['Connection: keep-alive, Upgrade', { set: { Connection: 'keep-alive, Upgrade' } }],
  ['two Connection headers', { set: { Connection: 'keep-alive' }, add: [['Connection', 'Upgrade']] }],
  ['empty list elements', { set: { Upgrade: ',websocket,', Connection: ', ,Upgrade' } }],
  ['Host with a port', { set: { Host: 'example.com:8080' } }],
  ['Host as IPv6', { set: { Host: '[::1]:8080' } }],
  ['a path of one slash', { url: '/' }],
  ['a path that new URL() throws at', { url: '//' }],
  ['the last visible character', { url: '/~' }],
  ['row 14: a URL of 4095 bytes', { url: `/${'a'.repeat(4094)}` }],
  ['row 14: a URL of 4096 bytes', { url: `/${'a'.repeat(4095)}` }],
  ['a key of zeros', { set: { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' } }],
  ['subprotocols', { add: [['Sec-WebSocket-Protocol', 'a, b']] }],
  ['row 14: 99 headers', { add: Array(94).fill(['X', 'y']) as Pairs }],
  ['row 14: 100 headers', { add: Array(95).fill(['X', 'y']) as Pairs }],
  [
    'a header named like a prototype property',
    {
      add: [
        ['__proto__', 'x'],
        ['constructor', 'y'],
      ],
    },
  ],
]

const REFUSED: [string, Change, number][] = [
  ['POST', { method: 'POST' }, 405],
  ['HEAD', { method: 'HEAD' }, 405],
  ['CONNECT', { method: 'CONNECT' }, 405],
  ['get', { method: 'get' }, 405],
  ['HTTP/1.0', { httpVersion: '1.0' }, 400],
  ['HTTP/0.9', { httpVersion: '0.9' }, 400],
  ['HTTP/2.0', { httpVersion: '2.0' }, 400],
  ['no Host', { set: { Host: null } }, 400],
  ['an empty Host', { set: { Host: '' } }, 400],
  ['two Hosts', { add: [['Host', 'example.com']] }, 400],
  ['two Hosts in different case', { add: [['hOST', 'other.com']] }, 400],
  ['Host with a space', { set: { Host: 'a b' } }, 400],
  ['Host list', { set: { Host: 'a, b' } }, 400],
  ['Host with user info', { set: { Host: 'me@example.com' } }, 400],
  ['Host with a path', { set: { Host: 'example.com/x' } }, 400],
  ['no Upgrade', { set: { Upgrade: null } }, 426],
  ['an empty Upgrade', { set: { Upgrade: '' } }, 426],
  ['Upgrade: h2c', { set: { Upgrade: 'h2c' } }, 426],
  ['Upgrade: websockets', { set: { Upgrade: 'websockets' } }, 426],
  ['Upgrade: websocket/13', { set: { Upgrade: 'websocket/13' } }, 426],
  ['Upgrade with a no-break space', { set: { Upgrade: 'websocket\u00a0' } }, 426],
  ['Upgrade: h2c, websocket', { set: { Upgrade: 'h2c, websocket' } }, 400],
  ['Upgrade: websocket, HTTP/2.0', { set: { Upgrade: 'websocket, HTTP/2.0' } }, 400],
  ['Upgrade twice', { add: [['Upgrade', 'websocket']] }, 400],
  ['no Connection', { set: { Connection: null } }, 400],
  ['Connection: close', { set: { Connection: 'close' } }, 400],
  ['Connection: NotUpgrade', { set: { Connection: 'NotUpgrade' } }, 400],
  ['Connection with quotes', { set: { Connection: '"Upgrade"' } }, 400],
  ['Connection: keep-alive Upgrade', { set: { Connection: 'keep-alive Upgrade' } }, 400],
  ['no key', { set: { 'Sec-WebSocket-Key': null } }, 400],
  ['an empty key', { set: { 'Sec-WebSocket-Key': '' } }, 400],
  ['a short key', { set: { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZ===' } }, 400],
  ['a key of 15 bytes', { set: { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA' } }, 400],
  ['a key of 18 bytes', { set: { 'Sec-WebSocket-Key': 'A'.repeat(24) } }, 400],
  ['a key with a bit too many', { set: { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAB==' } }, 400],
  ['a key in base64url', { set: { 'Sec-WebSocket-Key': '-_AAAAAAAAAAAAAAAAAAAA==' } }, 400],
  ['a key with a space', { set: { 'Sec-WebSocket-Key': `${KEY} ` } }, 400],
  ['two keys', { add: [['Sec-WebSocket-Key', KEY]] }, 400],
  ['two keys as Node joins them', { set: { 'Sec-WebSocket-Key': `${KEY}, ${KEY}` } }, 400],
  ['no version', { set: { 'Sec-WebSocket-Version': null } }, 400],
  ['version 8', { set: { 'Sec-WebSocket-Version': '8' } }, 426],
  ['version 0', { set: { 'Sec-WebSocket-Version': '0' } }, 426],
  ['version 255', { set: { 'Sec-WebSocket-Version': '255' } }, 426],
  ['version 256', { set: { 'Sec-WebSocket-Version': '256' } }, 400],
  ['version 013', { set: { 'Sec-WebSocket-Version': '013' } }, 400],
  ['version 1.5', { set: { 'Sec-WebSocket-Version': '1.5' } }, 400],
  ['version -1', { set: { 'Sec-WebSocket-Version': '-1' } }, 400],
  ['version NaN', { set: { 'Sec-WebSocket-Version': 'NaN' } }, 400],
  ['version 13, 8', { set: { 'Sec-WebSocket-Version': '13, 8' } }, 400],
  ['two versions', { add: [['Sec-WebSocket-Version', '13']] }, 400],
  ['Content-Length', { add: [['Content-Length', '5']] }, 400],
  ['Content-Length: 0', { add: [['Content-Length', '0']] }, 400],
  ['Transfer-Encoding', { add: [['Transfer-Encoding', 'chunked']] }, 400],
  [
    'both',
    {
      add: [
        ['Content-Length', '5'],
        ['transfer-encoding', 'chunked'],
      ],
    },
    400,
  ],
  ['row 14: 101 headers', { add: Array(96).fill(['X', 'y']) as Pairs }, 431],
  ['an absolute URL', { url: 'http://example.com/chat' }, 400],
  ['an authority', { url: 'example.com:80' }, 400],
  ['an asterisk', { url: '*' }, 400],
  ['no URL', { url: '' }, 400],
  ['a URL that breaks new URL()', { url: 'http://[' }, 400],
  ['row 14: a URL of 4097 bytes', { url: `/${'a'.repeat(4096)}` }, 414],
  ['a URL with a space', { url: '/a b' }, 400],
  ['a URL with a line break', { url: '/a\r\nX: y' }, 400],
  ['a URL with NUL', { url: '/\0' }, 400],
  ['a URL with DEL', { url: '/\x7f' }, 400],
  ['a URL with raw UTF-8', { url: '/é' }, 400],
  ['a URL with a fragment', { url: '/a#b' }, 400],
  ['row 55: extensions that break the grammar', { add: [['Sec-WebSocket-Extensions', 'a;=1']] }, 400],
  ['row 55: an empty list of extensions', { add: [['Sec-WebSocket-Extensions', ',']] }, 400],
  ['an empty subprotocol list', { add: [['Sec-WebSocket-Protocol', '']] }, 400],
  ['a subprotocol with a space', { add: [['Sec-WebSocket-Protocol', 'a b']] }, 400],
  ['a subprotocol twice', { add: [['Sec-WebSocket-Protocol', 'a, a']] }, 400],
  [
    'a subprotocol in two headers',
    {
      add: [
        ['Sec-WebSocket-Protocol', 'a'],
        ['Sec-WebSocket-Protocol', 'a'],
      ],
    },
    400,
  ],
  [
    'two Origins',
    {
      add: [
        ['Origin', 'http://a'],
        ['Origin', 'http://b'],
      ],
    },
    400,
  ],
]

t.test('accepted opening handshakes', (t) => {
  for (const [name, change] of ACCEPTED) {
    const handshake = validate(change)
    t.notOk(handshake instanceof ShardwsError, name)
  }
  t.end()
})

t.test('refused opening handshakes', (t) => {
  for (const [name, change, status] of REFUSED) {
    const refusal = validate(change)
    t.equal(refusal instanceof ShardwsError && refusal.status, status, name)
  }
  t.end()
})

t.test('what the request asks for', (t) => {
  const add: Pairs = [
    ['Origin', 'https://example.com'],
    ['Sec-WebSocket-Protocol', 'b'],
    ['Sec-WebSocket-Extensions', 'permessage-deflate'],
    ['Sec-WebSocket-Protocol', 'a, c'],
    ['Sec-WebSocket-Extensions', 'foo; bar'],
  ]
  t.same(validate({ add }), {
    key: KEY,
    protocols: ['b', 'a', 'c'],
    extensions: [
      { name: 'permessage-deflate', parameters: [] },
      { name: 'foo', parameters: [{ name: 'bar', value: null }] },
    ],
    origin: 'https://example.com',
  })
  t.same(validate({}), { key: KEY, protocols: [], extensions: [], origin: undefined })
  t.end()
})

t.test('the parts of a request target', (t) => {
  t.same(splitTarget('/chat/1?room=a%20b?c'), { path: '/chat/1', query: 'room=a%20b?c' })
  t.same(splitTarget('/?'), { path: '/', query: '' })
  t.same(splitTarget('//'), { path: '//', query: '' })
  t.end()
})

t.test('an IncomingMessage is an UpgradeHead', (t) => {
  const request = new IncomingMessage(new Socket())
  Object.assign(request, headOf({}))
  t.notOk(validateUpgrade(request as IncomingMessage & UpgradeHead, LIMITS) instanceof ShardwsError)
  t.end()
})

t.test('the 101 answer', (t) => {
  t.equal(acceptKey(KEY), ACCEPT)
  const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n`
  t.equal(formatAccepted(KEY, '', ''), `${head}\r\n`)
  t.equal(
    formatAccepted(KEY, 'chat', 'permessage-deflate; server_no_context_takeover', [
      ['X-Shard', '3'],
      ['Set-Cookie', 'a=b'],
    ]),
    `${head}Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\nX-Shard: 3\r\nSet-Cookie: a=b\r\n\r\n`,
  )
  for (const protocol of ['a b', 'a\r\nX: y', 'a,b', 'é']) {
    t.throws(() => formatAccepted(KEY, protocol, ''), { code: 'ARGUMENT_INVALID' }, JSON.stringify(protocol))
  }
  t.throws(() => formatAccepted(KEY, '', 'a\r\nX: y'), { code: 'ARGUMENT_INVALID' })
  const bad: Pairs = [
    ['X', 'a\r\nb'],
    ['X', 'a\nb'],
    ['X', '\0'],
    ['X', 'é'],
    ['X Y', ''],
    ['', 'a'],
    ['X:', 'a'],
    ['X\r\nY', 'a'],
  ]
  const ours: Pairs = [
    ['Upgrade', 'h2c'],
    ['connection', 'close'],
    ['Sec-WebSocket-Accept', ACCEPT],
    ['Content-Length', '0'],
    ['Transfer-Encoding', 'chunked'],
  ]
  for (const header of [...bad, ...ours]) {
    t.throws(() => formatAccepted(KEY, '', '', [header]), { code: 'ARGUMENT_INVALID' }, JSON.stringify(header))
  }
  t.end()
})

t.test('refusals', (t) => {
  const type = 'Content-Type: text/plain; charset=utf-8\r\n'
  t.equal(
    formatRefusal(400, {}, 'né'),
    `HTTP/1.1 400 Bad Request\r\nConnection: close\r\n${type}Content-Length: 3\r\n\r\nné`,
  )
  t.equal(
    formatRefusal(503, { 'Retry-After': '5' }, ''),
    `HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n${type}Content-Length: 0\r\n\r\n`,
  )
  t.equal(
    formatRefusal(426, {}, ''),
    `HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\n${type}Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n`,
  )
  t.match(formatRefusal(405, {}, ''), '\r\nAllow: GET\r\n')
  t.equal(
    formatRefusal(
      426,
      { 'sec-websocket-version': '13', upgrade: 'websocket', 'content-type': 'application/json' },
      '{}',
    ),
    'HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\nsec-websocket-version: 13\r\nupgrade: websocket\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n{}',
    'each header once',
  )
  t.match(formatRefusal(499, {}, ''), /^HTTP\/1\.1 499 \r\n/)
  for (const status of [300, 599]) t.ok(formatRefusal(status, {}, '').startsWith(`HTTP/1.1 ${status} `))
  for (const status of [101, 200, 299, 600, 400.5, Number.NaN]) {
    t.throws(() => formatRefusal(status, {}, ''), { code: 'ARGUMENT_INVALID' }, String(status))
  }
  for (const headers of [
    { Location: 'a\r\nX: y' },
    { 'Bad Name': '' },
    { Connection: 'keep-alive' },
    { 'content-length': '3' },
    { 'Transfer-Encoding': 'chunked' },
    { 'X-A': { toString: () => 'a\r\nX: y' } as unknown as string },
    { 'X-A': ['a'] as unknown as string },
  ]) {
    t.throws(() => formatRefusal(302, headers, ''), { code: 'ARGUMENT_INVALID' }, JSON.stringify(headers))
  }
  t.throws(() => formatRefusal(400, {}, Buffer.of(0xff) as unknown as string), { code: 'ARGUMENT_INVALID' })
  t.end()
})
