import { IncomingMessage } from 'node:http'
import { isIP, Socket } from 'node:net'
import t from 'tap'
import { compileClientAddress } from '../../src/main/client-address.ts'
import type { TrustProxy } from '../../src/main/guard-options.ts'
import { SeededRandom } from '../reliability/seeded-random.ts'

const PEER = '10.0.0.1'
const PROXIES = ['10.0.0.0/8', '2001:db8:1::/48']

function requestFrom(peer: string | undefined, forwardedFor?: string | string[]): IncomingMessage {
  const socket = new Socket()
  Object.defineProperty(socket, 'remoteAddress', { value: peer })
  const request = new IncomingMessage(socket)
  if (forwardedFor !== undefined) Object.assign(request.headers, { 'x-forwarded-for': forwardedFor })
  return request
}

type Row = readonly [why: string, trust: TrustProxy, forwardedFor: string | undefined, ip: string]

const ROWS: readonly Row[] = [
  ['nobody is trusted', false, '203.0.113.9', PEER],
  ['no hops', 0, '203.0.113.9', PEER],
  ['an empty list', [], '203.0.113.9', PEER],
  ['the peer is not in the list', ['10.0.0.2'], '203.0.113.9', PEER],
  ['no header', true, undefined, PEER],
  ['an empty header', true, '', PEER],
  ['everybody is trusted: the first entry', true, '203.0.113.9, 198.51.100.7, 10.0.0.2', '203.0.113.9'],
  ['one hop', 1, '203.0.113.9', '203.0.113.9'],
  ['one hop, spoofed before', 1, '1.1.1.1, 203.0.113.9', '203.0.113.9'],
  ['two hops', 2, '1.1.1.1, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
  ['more hops than entries', 3, '203.0.113.9', '203.0.113.9'],
  ['a list: the right-most that is not in it', PROXIES, '203.0.113.9, 198.51.100.7, 10.0.0.2', '198.51.100.7'],
  ['a list, spoofed as a proxy', PROXIES, '10.0.0.3, 198.51.100.7, 10.0.0.2', '198.51.100.7'],
  ['a list that holds all', PROXIES, '10.9.9.9, 10.0.0.2', '10.9.9.9'],
  ['a function', (address) => address === PEER, '1.1.1.1, 203.0.113.9', '203.0.113.9'],
  ['a function of the hop', (_address, hop) => hop < 2, '1.1.1.1, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
  ['a function that answers something else', (() => 1) as never, '203.0.113.9', PEER],
  ['a mapped proxy', PROXIES, '203.0.113.9, ::ffff:10.0.0.2', '203.0.113.9'],
  ['a mapped client', 1, '::ffff:203.0.113.9', '203.0.113.9'],
  ['an IPv6 client', 1, '2001:DB8:0:0::9', '2001:db8::9'],
  ['an IPv6 proxy', PROXIES, '2001:db8:2::9, 2001:db8:1::2', '2001:db8:2::9'],
  ['a port', 1, '203.0.113.9:4711', '203.0.113.9'],
  ['brackets', 1, '[2001:db8::9]', '2001:db8::9'],
  ['brackets and a port', 1, '[2001:db8::9]:4711', '2001:db8::9'],
  ['tabs and no spaces', 2, '1.1.1.1,203.0.113.9,\t10.0.0.2', '203.0.113.9'],
  ['malformed: a name', 1, 'client.example', PEER],
  ['malformed: unknown', 1, 'unknown', PEER],
  ['malformed: an empty entry', 1, '203.0.113.9,', PEER],
  ['malformed: behind a proxy that is trusted', PROXIES, 'x, 10.0.0.2', PEER],
  ['malformed, where nobody looks', PROXIES, 'x, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
  ['malformed: no address', 1, '203.0.113.256', PEER],
  ['malformed: quotes', 1, '"203.0.113.9"', PEER],
  ['malformed: a script', 1, '<script>', PEER],
  ['malformed: controls', 1, '203.0.113.9\u0000', PEER],
  ['malformed: a port that is none', 1, '203.0.113.9:123456', PEER],
  ['malformed: half a bracket', 1, '[2001:db8::9', PEER],
  ['malformed: long', 1, '9'.repeat(16_000), PEER],
]

for (const [why, trust, forwardedFor, ip] of ROWS) {
  t.test(`row 40, AU16: ${why}`, async (t) => {
    t.equal(compileClientAddress(trust)(requestFrom(PEER, forwardedFor)), ip)
  })
}

t.test('row 40: the peer of a dual-stack socket is an IPv4 address', async (t) => {
  t.equal(compileClientAddress(false)(requestFrom(`::ffff:${PEER}`)), PEER)
  t.equal(compileClientAddress(PROXIES)(requestFrom(`::ffff:${PEER}`, '203.0.113.9')), '203.0.113.9')
})

t.test('row 40: repeated headers are one list', async (t) => {
  t.equal(compileClientAddress(1)(requestFrom(PEER, ['1.1.1.1', '203.0.113.9'])), '203.0.113.9')
})

t.test('row 40: Forwarded is not read: a proxy that does not know it passes a client’s own on', async (t) => {
  const request = requestFrom(PEER)
  Object.assign(request.headers, { forwarded: 'for=203.0.113.9' })
  t.equal(compileClientAddress(true)(request), PEER)
})

t.test('a peer without an address: gone, or behind a Unix socket', async (t) => {
  t.equal(compileClientAddress(false)(requestFrom(undefined)), '0.0.0.0')
  t.equal(compileClientAddress(1)(requestFrom(undefined, '203.0.113.9')), '203.0.113.9')
})

t.test('a function is asked from the peer on, until it says no', async (t) => {
  const asked: [string, number][] = []
  const trust: TrustProxy = (address, hop) => asked.push([address, hop]) < 3
  t.equal(compileClientAddress(trust)(requestFrom(PEER, '1.1.1.1, 2.2.2.2, 3.3.3.3')), '2.2.2.2')
  t.same(asked, [
    [PEER, 0],
    ['3.3.3.3', 1],
    ['2.2.2.2', 2],
  ])
})

t.test('row 40: whatever a client sends, the answer is an address, and nothing is thrown', async (t) => {
  const random = new SeededRandom(40)
  const pieces = [
    '1.2.3.4',
    '::1',
    '::ffff:1.2.3.4',
    '%eth0',
    '[',
    ']',
    ':',
    ',',
    ' ',
    '/8',
    ':80',
    '"',
    '.',
    'ffff',
    '\u0000',
    'é',
  ]
  const wrong: string[] = []
  for (let round = 0; round < 5000; round++) {
    let header = ''
    for (let left = random.below(12); left > 0; left--) header += pieces[random.below(pieces.length)]
    for (const trust of [true, 1, PROXIES]) {
      if (isIP(compileClientAddress(trust)(requestFrom(PEER, header))) === 0) wrong.push(header)
    }
  }
  t.same(wrong, [])
})
