import t from 'tap'
import type { Verdict, WebSocketServerOptions } from '../../src/index.ts'
import { WebSocketServer } from '../../src/index.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { received } from '../fixtures/handshakes.ts'
import { SAMPLE_ACCEPT, upgradeRequest } from '../fixtures/raw-request.ts'

const SPLITTING = ['a\r\nX-Evil: 1', 'a\nX-Evil: 1', 'a\rX-Evil: 1', 'a\r\n\r\n<html>', 'a\0b', 'ž', '\x7f']
const NO_TOKENS = [...SPLITTING, 'a b', '', 'a,b', 'a;b', '"a"', 'a/b', 'a(b)']

type Broken = readonly (readonly [name: string, verdict: Verdict])[]

const BROKEN_VERDICTS: Broken = [
  ...SPLITTING.map(
    (value) => [`the value ${JSON.stringify(value)}`, { status: 403, headers: { 'X-A': value } }] as const,
  ),
  ...NO_TOKENS.map((name) => [`the name ${JSON.stringify(name)}`, { status: 403, headers: { [name]: 'a' } }] as const),
  ...['Connection', 'content-length', 'Transfer-Encoding'].map(
    (name) => [`the field ${name}`, { status: 403, headers: { [name]: '5' } }] as const,
  ),
  ['a redirect to a second line', { status: 302, headers: { Location: '/a\r\nSet-Cookie: a=b' } }],
  ['a value that becomes text when it is written', { status: 403, headers: { 'X-A': writtenAs('a\r\nX-Evil: 1') } }],
  ['a list', { status: 403, headers: { 'X-A': ['a', 'b'] as unknown as string } }],
  ['a body that is no text', { status: 403, body: Buffer.of(0xff) as unknown as string }],
  ...[200, 101, 99, 600, 403.5, '403\r\nX-Evil: 1'].map(
    (status) => [`the status ${JSON.stringify(status)}`, { accept: false, status: status as number }] as const,
  ),
]

function writtenAs(text: string): string {
  return { toString: () => text } as unknown as string
}

/** Date and time to come back are the only parts that vary. */
function refusal(status: string, body: string): string {
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

t.test('row 57: a verdict that would split the answer is refused at the API, and nothing of it is sent', async (t) => {
  let verdict: Verdict = {}
  const engine = await EngineUnderTest.start(t, { shards: 1, verifyClient: () => verdict })
  for (const [name, broken] of BROKEN_VERDICTS) {
    verdict = broken
    const { text } = await received(engine.port, upgradeRequest())
    t.equal(
      text,
      refusal('500 Internal Server Error', 'verifyClient or upgrade threw, rejected or gave no valid answer'),
      name,
    )
  }
  t.same(
    engine.journal.errors.map(({ error }) => [error.code, (error.cause as { code?: string }).code]),
    BROKEN_VERDICTS.map(() => ['VERIFY_FAILED', 'ARGUMENT_INVALID']),
  )
  verdict = { status: 403, headers: { 'X-A': 'a\tb ~!' }, body: 'a\r\nb' }
  const { text } = await received(engine.port, upgradeRequest())
  t.equal(
    text,
    'HTTP/1.1 403 Forbidden\r\nConnection: close\r\nX-A: a\tb ~!\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n\r\na\r\nb',
    'a body may hold anything',
  )
})

t.test('row 57: a subprotocol that is no token is refused at the API', async (t) => {
  for (const name of NO_TOKENS) {
    t.throws(() => new WebSocketServer({ protocols: [name] }), { code: 'OPTION_INVALID' }, JSON.stringify(name))
  }
})

t.test('row 57: what handleProtocols returns is sent only if the client offered it', async (t) => {
  let chosen: unknown
  const engine = await EngineUnderTest.start(t, {
    shards: 1,
    handleProtocols: (() => chosen) as NonNullable<WebSocketServerOptions['handleProtocols']>,
  })
  for (const each of [...NO_TOKENS, writtenAs('chat\r\nX-Evil: 1'), 1, {}, ['chat'], true]) {
    chosen = each
    const client = await engine.open({ headers: { 'Sec-WebSocket-Protocol': 'chat, a' } })
    t.same(
      [client.response.status, ...client.response.headers],
      [101, ['upgrade', ['websocket']], ['connection', ['Upgrade']], ['sec-websocket-accept', [SAMPLE_ACCEPT]]],
      JSON.stringify(each),
    )
    client.destroy()
  }
  chosen = 'chat'
  const client = await engine.open({ headers: { 'Sec-WebSocket-Protocol': 'chat, a' } })
  t.same(client.response.headers.get('sec-websocket-protocol'), ['chat'])
})

t.test('row 57: a refusal repeats nothing that the client sent', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1, allowOrigins: ['https://a.example'], protocols: ['a'] })
  const marker = 'Zebra'
  for (const headers of [
    { Origin: `https://${marker}.example` },
    { 'Sec-WebSocket-Protocol': `${marker} ${marker}` },
    { 'Sec-WebSocket-Extensions': `${marker}; =` },
    { 'Sec-WebSocket-Key': marker },
    { 'Sec-WebSocket-Version': marker },
    { Upgrade: `websocket, ${marker}` },
    { Host: `${marker}/` },
  ]) {
    const { text } = await received(engine.port, upgradeRequest(headers, { target: `/${marker}` }))
    t.match(text, /^HTTP\/1\.1 4\d\d /)
    t.notMatch(text, marker, JSON.stringify(headers))
  }
})
