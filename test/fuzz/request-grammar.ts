import { SAMPLE_KEY } from '../fixtures/raw-request.ts'
import type { Random } from './random.ts'
import { NO_ANSWER } from './session.ts'

/** An opening handshake in pieces. */
interface Draft {
  method: string
  target: string
  version: string
  headers: [name: string, value: string][]
  /** Between the head and the frames. */
  body: string
}

export interface RequestPlan {
  readonly request: string
  readonly statuses: readonly number[]
}

/** Makes a draft differ and says which statuses may then answer it. */
type Mutation = (draft: Draft, random: Random) => readonly number[]

const ACCEPTED = [101]
/** The engine, or Node's server in front of it, knows what is wrong. */
const REFUSED = [400, 405, 414, 426, 431]
/** Node's parser gives up; what it says may be overtaken by the reset of a connection with unread bytes. */
const UNREADABLE = [...REFUSED, 408, 413, NO_ANSWER]
const ANYTHING = [...ACCEPTED, ...UNREADABLE, 417, 501]

const REQUIRED = ['Host', 'Upgrade', 'Connection', 'Sec-WebSocket-Key', 'Sec-WebSocket-Version']
const ODD_NAMES = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', '0', 'x', 'Cookie', 'sec-websocket-x']
const ODD_VALUES = ['', '__proto__', 'a'.repeat(2000), '"', ',,,;;;===', '\t \t', '{"a":1}', '%00', '\x80\xff']

const LEGAL_TARGETS = [
  '//',
  '/%',
  '//user@[::1',
  '/%00%ff',
  '/?',
  '/?__proto__=1&constructor=2&a=1&a=2',
  '/?%',
  '/;:@&=+$,!*()',
  `/${'a'.repeat(4000)}`,
  '/../../etc/passwd',
  '/chat?token=%F0%9F',
]
const ILLEGAL_TARGETS = ['http://[', 'http://127.0.0.1/', '*', '/#fragment', 'chat', `/${'a'.repeat(4096)}`, 'ws://x/']
const UNREADABLE_TARGETS = ['/ /', '/\x80', '/\x01', '', '\\', '/\0']

const LEGAL_OFFERS = [
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits',
  'permessage-deflate; client_max_window_bits=9',
  'permessage-deflate; server_max_window_bits=10; client_max_window_bits',
  'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  'permessage-deflate; client_no_context_takeover, permessage-deflate',
  'permessage-deflate; server_max_window_bits=8, permessage-deflate; client_max_window_bits=8',
  'permessage-deflate; server_max_window_bits=99',
  'permessage-deflate; unknown; unknown=1',
  'x-webkit-deflate-frame, permessage-deflate; client_max_window_bits="12"',
  ', ,permessage-deflate,,',
  '__proto__; constructor=toString, permessage-deflate',
]
const ILLEGAL_OFFERS = [',', ';', 'a=b', 'a; =', 'a; b="', 'a; b="c d"', 'a b', '"a"', 'a,'.repeat(300), 'a; b=\\']

/** A valid offer in most cases, so that compression is met often. */
function baseDraft(random: Random): Draft {
  const headers: Draft['headers'] = [
    ['Host', random.pick(['127.0.0.1', 'localhost:8080', '[::1]:80', 'x'])],
    ['Upgrade', random.pick(['websocket', 'WebSocket', 'websocket,'])],
    ['Connection', random.pick(['Upgrade', 'upgrade', 'keep-alive, Upgrade', 'Upgrade,,keep-alive'])],
    ['Sec-WebSocket-Key', SAMPLE_KEY],
    ['Sec-WebSocket-Version', '13'],
  ]
  if (!random.oneIn(3)) headers.push(['Sec-WebSocket-Extensions', random.pick(LEGAL_OFFERS)])
  if (random.oneIn(4))
    headers.push(['Sec-WebSocket-Protocol', random.pick(['chat', 'v2.json, chat', 'x', '__proto__'])])
  if (random.oneIn(4)) headers.push(['Origin', random.pick(['null', 'http://a.b', '', 'x'.repeat(500)])])
  return { method: 'GET', target: '/', version: 'HTTP/1.1', headers, body: '' }
}

const HARMLESS: readonly Mutation[] = [
  (draft, random) => {
    draft.headers = random.shuffled(draft.headers)
    return ACCEPTED
  },
  (draft, random) => {
    draft.headers = draft.headers.map(([name, value]) => [
      random.oneIn(2) ? name.toLowerCase() : name.toUpperCase(),
      value,
    ])
    return ACCEPTED
  },
  (draft, random) => {
    draft.target = random.pick(LEGAL_TARGETS)
    return ACCEPTED
  },
  (draft, random) => {
    for (const name of random.times(random.between(1, 4), () => random.pick(ODD_NAMES))) {
      draft.headers.push([name, random.pick(ODD_VALUES)])
    }
    return ACCEPTED
  },
  (draft, random) => {
    for (let count = random.between(1, 60); count > 0; count -= 1) draft.headers.unshift(['a', 'b'])
    return ACCEPTED
  },
  (draft) => {
    draft.headers = draft.headers.map(([name, value]) => [name, `  ${value}  `])
    return ACCEPTED
  },
]

const FATAL: readonly Mutation[] = [
  (draft, random) => {
    const dropped = random.pick(REQUIRED)
    draft.headers = draft.headers.filter(([name]) => name !== dropped)
    return REFUSED
  },
  (draft, random) => {
    const twice = random.pick(['Host', 'Sec-WebSocket-Key', 'Sec-WebSocket-Version'])
    draft.headers.splice(random.below(draft.headers.length), 0, [twice, headerOf(draft, twice)])
    return REFUSED
  },
  (draft, random) => {
    set(draft, 'Sec-WebSocket-Key', random.pick(['', 'x', SAMPLE_KEY.slice(0, -1), `${SAMPLE_KEY}=`, 'é'.repeat(24)]))
    return REFUSED
  },
  (draft, random) => {
    set(
      draft,
      'Sec-WebSocket-Version',
      random.pick(['8', '12', '14', '013', '13, 13', '', '-13', '1e1', '999999999999']),
    )
    return REFUSED
  },
  (draft, random) => {
    set(draft, 'Upgrade', random.pick(['h2c', 'websocket, h2c', 'websocket/13', '', ',,', 'x'.repeat(2000)]))
    return REFUSED
  },
  (draft, random) => {
    set(draft, 'Host', random.pick(['', 'a b', 'a/b', 'a,b', 'é', '"']))
    return REFUSED
  },
  (draft, random) => {
    set(draft, 'Sec-WebSocket-Protocol', random.pick([',', 'a b', 'chat, chat', 'a/b', '"chat"', 'chat\x80']))
    return REFUSED
  },
  (draft, random) => {
    set(draft, 'Sec-WebSocket-Extensions', random.pick(ILLEGAL_OFFERS))
    return REFUSED
  },
  (draft, random) => {
    draft.method = random.pick(['POST', 'HEAD', 'PUT', 'OPTIONS', 'DELETE', 'PROPFIND'])
    return REFUSED
  },
  (draft, random) => {
    draft.target = random.pick(ILLEGAL_TARGETS)
    return UNREADABLE
  },
  (draft, random) => {
    const body = random.pick(['\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58', 'GET /admin HTTP/1.1\r\nHost: x\r\n\r\n'])
    if (random.oneIn(2)) set(draft, 'Content-Length', random.pick([String(body.length), '0', '5', '999999']))
    if (random.oneIn(2)) set(draft, 'Transfer-Encoding', random.pick(['chunked', 'identity', 'gzip, chunked']))
    else if (headerOf(draft, 'Content-Length') === '') set(draft, 'Content-Length', String(body.length))
    draft.body = body
    return UNREADABLE
  },
  (draft, random) => {
    for (let count = random.between(1001, 3000); count > 0; count -= 1) draft.headers.unshift(['a', 'b'])
    return UNREADABLE
  },
]

const UNREADABLES: readonly Mutation[] = [
  (draft, random) => {
    draft.version = random.pick(['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.2', 'HTTP/1.10', 'HTTP/x', 'ICY', ''])
    return UNREADABLE
  },
  (draft, random) => {
    draft.method = random.pick(['BREW', 'get', '', 'CONNECT', 'GET GET', 'G\0T', 'PRI'])
    return UNREADABLE
  },
  (draft, random) => {
    draft.target = random.pick(UNREADABLE_TARGETS)
    return UNREADABLE
  },
  (draft, random) => {
    const header = random.pick([
      ['', 'x'],
      ['a b', 'x'],
      ['a', 'b\rc'],
      ['a\0', 'b'],
      ['a', 'b\0c'],
      ['a', 'x\r\n y'],
    ])
    draft.headers.splice(random.below(draft.headers.length + 1), 0, header as [string, string])
    return ANYTHING
  },
]

/** One request: mostly valid, and where not, wrong in one way that is known. */
export function planRequest(random: Random): RequestPlan {
  const draft = baseDraft(random)
  let statuses: readonly number[] = ACCEPTED
  const kind = random.weighted([
    [50, null],
    [20, HARMLESS],
    [16, FATAL],
    [7, UNREADABLES],
  ] as const)
  if (kind !== null) statuses = random.pick(kind)(draft, random)
  return { request: formatDraft(draft), statuses }
}

/** A request that was changed byte by byte: nobody knows what it is. */
export function planSpoiltRequest(random: Random): RequestPlan {
  let request = formatDraft(baseDraft(random))
  for (let count = random.between(1, 4); count > 0; count -= 1) {
    const at = random.below(request.length)
    const [start, end] = [at, at + random.below(12)]
    const slice = request.slice(start, end)
    const odd = random.pick(['\0', '\r', '\n', '\r\n', '\r\n\r\n', ' ', ':', '\xff', slice, slice + slice, ''])
    request = request.slice(0, start) + odd + request.slice(random.oneIn(2) ? end : start)
  }
  return { request, statuses: ANYTHING }
}

/**
 * Two requests in a row. The first is answered, with `Connection: close`, and the second is not; what the client still
 * sends then may reset the connection before it has read the answer.
 */
export function planPipelined(random: Random): RequestPlan {
  const first = random.pick([
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc',
  ])
  return { request: first + formatDraft(baseDraft(random)), statuses: [426, NO_ANSWER] }
}

function formatDraft({ method, target, version, headers, body }: Draft): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${target} ${version}\r\n${lines.join('')}\r\n${body}`
}

function headerOf(draft: Draft, wanted: string): string {
  return draft.headers.find(([name]) => name === wanted)?.[1] ?? ''
}

function set(draft: Draft, name: string, value: string): void {
  draft.headers = [...draft.headers.filter(([each]) => each !== name), [name, value]]
}
