import { once } from 'node:events'
import { connect } from 'node:net'
import type { Verdict, WebSocketServerOptions } from '../../../src/index.ts'
import { deferred } from '../../fixtures/deferred.ts'
import { encodeFrames, RawOpcode } from '../../fixtures/raw-frame.ts'
import { upgradeRequest } from '../../fixtures/raw-request.ts'
import type { Behaviour } from './behaviour.ts'

const NUMBERED = Array.from({ length: 1000 }, (_, i) => `${i}`)

type Verify = NonNullable<WebSocketServerOptions['verifyClient']>

const VERDICTS: readonly (readonly [string, Verify, number])[] = [
  ['true', () => true, 101],
  ['a promise of true', async () => true, 101],
  ['false', () => false, 401],
  ['a promise of false', async () => false, 401],
  ['an empty verdict', () => ({}), 101],
  ['accept: false', () => ({ accept: false }), 401],
  ['a status', () => ({ status: 418 }), 418],
  ['accept: true beside a status', () => ({ accept: true, status: 418 }), 101],
  ['nothing', () => undefined as unknown as boolean, 401],
  ['1', () => 1 as unknown as boolean, 401],
]

const BROKEN: readonly (readonly [string, Verify])[] = [
  [
    'throws',
    () => {
      throw new Error('of the application')
    },
  ],
  [
    'rejects',
    async () => {
      throw new Error('of the application')
    },
  ],
  ['answers with a status that refuses nobody', () => ({ accept: false, status: 200 })],
  ['answers with a header that would end the head', () => ({ status: 400, headers: { 'X-A': 'a\r\nX-B: b' } })],
]

export const verification: Behaviour = (t, start) => {
  t.test('every verdict', async (t) => {
    let verify: Verify = () => true
    const engine = await start(t, { verifyClient: (request) => verify(request) })
    for (const [name, verdict, status] of VERDICTS) {
      verify = verdict
      t.equal(await engine.statusOf(), status, name)
    }
    t.same(engine.journal.errors, [])
    for (const [name, verdict] of BROKEN) {
      verify = verdict
      t.equal(await engine.statusOf(), 500, name)
    }
    t.same(
      engine.journal.errors.map(({ id, error }) => [id, error.code]),
      BROKEN.map(() => [null, 'VERIFY_FAILED']),
    )
    verify = () => true
    t.equal(await engine.statusOf(), 101)
  })

  t.test('a refusal carries status, headers and body', async (t) => {
    const engine = await start(t, {
      verifyClient: () => ({
        status: 403,
        headers: { 'X-Reason': 'banned', 'Content-Type': 'text/html' },
        body: 'běž pryč',
      }),
    })
    const client = await engine.open()
    const { status, headers } = client.response
    t.equal(status, 403)
    t.same(headers.get('x-reason'), ['banned'])
    t.same(headers.get('content-type'), ['text/html'])
    t.same(headers.get('content-length'), [String(Buffer.byteLength('běž pryč'))])
    await client.waitClosed()
    t.equal(client.body.toString(), 'běž pryč')
  })

  t.test('the user it found is in the request and in the data of the connection', async (t) => {
    const engine = await start(t, {
      verifyClient: async ({ headers }) => ({ user: { name: headers['x-user'] } }) satisfies Verdict,
    })
    const { id, peer } = await engine.join({ headers: { 'X-User': 'Alice' } })
    t.same(engine.journal.connections.find((each) => each.id === id)?.request.user, { name: 'Alice' })
    t.same(peer.data, { user: { name: 'Alice' } })
  })

  t.test('it sees the request', async (t) => {
    const seen: unknown[] = []
    const engine = await start(t, {
      verifyClient: ({ url, headers, socket }) => {
        seen.push(url, headers['x-a'], socket.remoteAddress)
        return true
      },
    })
    await engine.join({ path: '/a?b', headers: { 'X-A': 'c' } })
    t.same(seen, ['/a?b', 'c', '127.0.0.1'])
  })

  t.test('row 2: what the client sends meanwhile is not lost', async (t) => {
    const called = deferred<void>()
    const verdict = deferred<boolean>()
    const engine = await start(t, {
      verifyClient: () => {
        called.resolve()
        return verdict.promise
      },
    })
    const frames = (texts: readonly string[]): Buffer =>
      encodeFrames(texts.map((payload) => ({ opcode: RawOpcode.Text, payload })))
    const socket = connect(engine.port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    // Together with the handshake and while it is being verified; the rest after the 101.
    socket.write(Buffer.concat([upgradeRequest(), frames(NUMBERED.slice(0, 300))]))
    await called.promise
    await new Promise<void>((resolve) => socket.write(frames(NUMBERED.slice(300, 700)), () => resolve()))
    verdict.resolve(true)
    socket.write(frames(NUMBERED.slice(700, 850)))
    await once(socket, 'data')
    socket.write(frames(NUMBERED.slice(850)))
    await engine.journal.messageCount(NUMBERED.length)
    t.same(
      engine.journal.messages.map(({ message }) => message.toString()),
      NUMBERED,
    )
  })

  t.test('a client that leaves meanwhile leaves nothing behind', async (t) => {
    const called = deferred<void>()
    const verdict = deferred<boolean>()
    const engine = await start(t, {
      maxConnections: 1,
      verifyClient: () => {
        called.resolve()
        return verdict.promise
      },
    })
    const socket = connect(engine.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(upgradeRequest())
    await called.promise
    socket.resetAndDestroy()
    verdict.resolve(true)
    // Its slot is the only one.
    let status = 503
    for (const end = performance.now() + 5000; status === 503 && performance.now() < end; )
      status = await engine.statusOf()
    t.equal(status, 101)
    t.same(
      engine.journal.errors.filter(({ id }) => id === null),
      [],
    )
  })
}
