/** The client against real servers, on the `ws` class and on the global one where Node has it. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket as WsWebSocket } from 'ws'
import { z } from 'zod'
import type { PlainSocketClass } from '../../src/client/socket.ts'
import { WebSocketClient, type WebSocketClientOptions } from '../../src/client/websocket-client.ts'
import { tokenFromProtocol, WebSocketServer, type WebSocketServerOptions } from '../../src/index.ts'
import { resolveOptions } from '../../src/main/resolve-options.ts'
import { ClientEvents } from '../fixtures/client-events.ts'
import { WEBSOCKET_CLASSES } from '../fixtures/websocket-classes.ts'

const FAST = { base: 2, factor: 2, max: 8 }
const NEVER = { base: 1_000_000, factor: 1, max: 1_000_000, jitter: 0 }

async function startServer(t: Test, options: WebSocketServerOptions = {}): Promise<WebSocketServer> {
  const server = new WebSocketServer({ shards: 0, ...options })
  t.teardown(() => server.shutdown({ deadlineMs: 100 }))
  await server.listen(0, '127.0.0.1')
  return server
}

const urlOf = (server: WebSocketServer): string => `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`

/** The port of a server that is no more. */
async function unusedUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `ws://127.0.0.1:${port}/`
}

type Url = ConstructorParameters<typeof WebSocketClient>[0]

for (const [className, WebSocket] of Object.entries(WEBSOCKET_CLASSES)) {
  const connect = <Message = string | ArrayBuffer, Outgoing = Message | Uint8Array>(
    t: Test,
    url: Url,
    options: WebSocketClientOptions = {},
  ): { client: WebSocketClient<Message, Outgoing>; events: ClientEvents } => {
    const client = new WebSocketClient<Message, Outgoing>(url, { WebSocket, backoff: FAST, ...options })
    t.teardown(() => client.close())
    return { client, events: new ClientEvents(client as WebSocketClient<unknown, unknown>) }
  }

  t.test(
    `CL01 CL11 on the ${className} WebSocket it comes back to a server that restarts, and resumes where it was`,
    async (t) => {
      const numbers = (request: { query: Record<string, string | string[]> }): number => Number(request.query.after)
      const serve = async (): Promise<WebSocketServer> => {
        const server = await startServer(t)
        server.on('connection', (id, request) => server.send(id, String(numbers(request) + 1)))
        return server
      }
      let server = await serve()
      let last = 0
      const { client, events } = connect(t, () => `${urlOf(server)}?after=${last}`)
      client.on('message', (message) => {
        last = Number(message)
      })
      t.equal(await events.nth('message', 1), '1')
      const old = server
      server = await serve()
      await old.shutdown({ code: 1012, reason: 'restart' })
      t.equal(await events.nth('message', 2), '2')
      t.match(events.of('open'), [{ isReconnect: false }, { isReconnect: true }])
      t.same(events.of('close'), [{ code: 1012, reason: 'restart', willReconnect: true }])
      t.match(events.of('reconnecting'), [{ attempt: 1 }])
      t.equal(client.state, 'open')
    },
  )

  t.test(`CL02 on the ${className} WebSocket maxAttempts is for failures in a row, and open begins anew`, async (t) => {
    const refused = await unusedUrl()
    const server = await startServer(t)
    const urls = [refused, refused, urlOf(server), refused, refused, refused]
    const { client, events } = connect(t, () => urls.shift() ?? refused, {
      maxAttempts: 3,
      backoff: { ...FAST, jitter: 0 },
    })
    await events.nth('open', 1)
    server.close(server.getConnections()[0] ?? '', 1011)
    t.same(await events.end(), { code: 1006, reason: '', willReconnect: false })
    t.same(
      events.of('reconnecting').map(({ attempt, delayMs }) => [attempt, delayMs]),
      [
        [2, 4],
        [3, 8],
        [1, 2],
        [2, 4],
        [3, 8],
      ],
    )
    t.equal(urls.length, 0)
    t.equal(client.state, 'closed')
    t.equal(events.of('error')[0] instanceof Error && events.of('error').length, 5)
  })

  t.test(`on the ${className} WebSocket the code of the server decides, or shouldReconnect`, async (t) => {
    const server = await startServer(t)
    server.on('message', (id, message) => server.close(id, Number(message), 'why'))
    for (const code of [1000, 1008, 4401, 1001, 1011, 1012, 1013, 4000]) {
      const willReconnect = [1001, 1011, 1012, 1013, 4000].includes(code)
      const { client, events } = connect(t, urlOf(server), { backoff: NEVER })
      client.send(String(code))
      t.same(await events.nth('close', 1), { code, reason: 'why', willReconnect })
      t.equal(client.state, willReconnect ? 'waiting' : 'closed')
    }
    const asked: unknown[] = []
    const shouldReconnect = (...args: unknown[]): boolean => asked.push(args) > 0
    const { client, events } = connect(t, urlOf(server), { backoff: NEVER, shouldReconnect })
    client.send('1008')
    t.match(await events.nth('close', 1), { code: 1008, willReconnect: true })
    t.same(asked, [[1008, 'why']])
  })

  t.test(`on the ${className} WebSocket a shouldReconnect that throws is an error, and the code decides`, async (t) => {
    const server = await startServer(t)
    server.on('message', (id, message) => server.close(id, Number(message)))
    const shouldReconnect = (): boolean => {
      throw new Error('of the application')
    }
    for (const [code, state] of [
      [1008, 'closed'],
      [1012, 'waiting'],
    ] as const) {
      const { client, events } = connect(t, urlOf(server), { backoff: NEVER, shouldReconnect })
      client.send(String(code))
      t.match(await events.nth('close', 1), { code, willReconnect: state === 'waiting' })
      t.equal(client.state, state)
      t.same(
        events.of('error').map(({ message }) => message),
        ['of the application'],
      )
    }
    const { client, events } = connect(t, urlOf(server), { backoff: NEVER, shouldReconnect })
    client.on('error', () => client.close())
    client.send('1012')
    t.match(await events.nth('close', 1), { code: 1000, willReconnect: false }, 'a listener may end it')
    t.equal(client.state, 'closed')
  })

  t.test(`on the ${className} WebSocket close is final, whatever it was doing`, async (t) => {
    const server = await startServer(t)
    const open = connect(t, urlOf(server))
    await open.events.nth('open', 1)
    open.client.close(4001, 'done')
    t.equal(open.client.state, 'closing')
    t.equal(open.client.send('late'), false)
    t.same(await open.events.end(), { code: 4001, reason: '', willReconnect: false }, 'as the server answered')

    const connecting = connect(t, urlOf(server))
    connecting.client.send('never')
    connecting.client.close()
    t.same(connecting.events.of('close'), [{ code: 1000, reason: '', willReconnect: false }])
    t.same(connecting.events.of('queue-drop'), ['never'])

    const waiting = connect(t, await unusedUrl(), { backoff: NEVER })
    await waiting.events.nth('reconnecting', 1)
    waiting.client.close(3999)
    t.same(waiting.events.of('close').at(-1), { code: 3999, reason: '', willReconnect: false })

    for (const { client, events } of [open, connecting, waiting]) {
      client.close()
      client.reconnect()
      t.equal(client.state, 'closed')
      t.equal(client.send('late'), false)
      t.equal(events.of('close').filter(({ willReconnect }) => !willReconnect).length, 1)
    }
    for (const args of [[1001], [2999], [5000], [1000, 'é'.repeat(62)]] as [number, string?][]) {
      t.throws(() => open.client.close(...args), { code: 'ARGUMENT_INVALID' })
    }
  })

  t.test(`on the ${className} WebSocket an attempt that takes too long has failed`, async (t) => {
    const silent = createServer().listen(0, '127.0.0.1')
    t.teardown(() => silent.close())
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const { events } = connect(t, `ws://127.0.0.1:${port}/`, { connectTimeoutMs: 20, maxAttempts: 2 })
    t.same(await events.end(), { code: 1006, reason: '', willReconnect: false })
    t.match(events.of('error'), [{ message: /connectTimeoutMs/ }, { message: /connectTimeoutMs/ }])
    const asking = connect(t, () => new Promise<string>(() => {}), { connectTimeoutMs: 20, maxAttempts: 1 })
    t.match(await asking.events.end(), { code: 1006 })
  })

  t.test(`CL04 on the ${className} WebSocket it queues while there is no connection, within limits`, async (t) => {
    const server = await startServer(t)
    const received: string[] = []
    server.on('message', (id, message) => {
      received.push(String(message))
      if (String(message) === 'last') server.send(id, 'all')
    })
    const { client, events } = connect(t, urlOf(server), { queue: { max: 3, drop: 'oldest' } })
    client.on('open', () => client.send('from open'))
    t.same(
      ['a', 'b', 'c', 'last'].map((message) => client.send(message)),
      [true, true, true, true],
    )
    t.same([client.queued, client.queuedBytes, client.dropped], [3, 6, 1])
    t.equal(await events.nth('message', 1), 'all')
    t.same(received, ['from open', 'b', 'c', 'last'], 'what the listener of open sends is first')
    t.same(events.of('queue-drop'), ['a'])
    t.same([client.queued, client.queuedBytes], [0, 0])
  })

  t.test(`on the ${className} WebSocket binary messages come and go as bytes`, async (t) => {
    const server = await startServer(t)
    server.on('message', (id, message, isBinary) => server.send(id, message, isBinary))
    const { client, events } = connect<string | ArrayBuffer>(t, urlOf(server))
    client.send(new Uint8Array([1, 2, 3]).subarray(1))
    client.send(new Uint8Array([4]).buffer)
    client.send('text')
    await events.nth('message', 3)
    const messages = events.of('message').map((one) => (one instanceof ArrayBuffer ? [...new Uint8Array(one)] : one))
    t.same(messages, [[2, 3], [4], 'text'])
    for (const message of [1, null, {}, undefined]) {
      t.throws(() => client.send(message as never), { code: 'ARGUMENT_INVALID' })
    }
  })
}

const { ws } = WEBSOCKET_CLASSES as { ws: PlainSocketClass }

t.test('CL03 a token in the query, as a subprotocol and in a header, asked for before each attempt', async (t) => {
  const bearer = tokenFromProtocol('bearer.', ['chat'])
  const seen: unknown[] = []
  const server = await startServer(t, {
    handleProtocols: bearer.handleProtocols,
    verifyClient: (request) => {
      const query = new URL(request.url ?? '/', 'ws://localhost').searchParams
      seen.push(query.get('token') ?? bearer.tokenOf(request) ?? request.headers.authorization)
      return seen.length % 2 === 0
    },
  })
  let asked = 0
  const value = async (): Promise<string> => `t${++asked}`
  class WithHeader extends WsWebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { headers: { Authorization: 'Bearer t5' } })
    }
  }
  for (const options of [
    { token: { query: 'token', value } },
    { protocols: ['chat'], token: { protocol: 'bearer.', value } },
    { WebSocket: WithHeader },
  ]) {
    const client = new WebSocketClient(`${urlOf(server)}?room=a%20b`, { WebSocket: ws, backoff: FAST, ...options })
    const events = new ClientEvents(client as WebSocketClient<unknown, unknown>)
    await events.nth('open', 1)
    t.equal(client.protocol, options.protocols?.[0] ?? '')
    client.close()
    await events.end()
  }
  t.same(seen, ['t1', 't2', 't3', 't4', 'Bearer t5', 'Bearer t5'])
})

t.test('CL03 a token that cannot be had is a failed attempt', async (t) => {
  const server = await startServer(t)
  const broken = new Error('offline')
  let asked = 0
  const value = (): string => {
    if (++asked === 1) throw broken
    return 'secret'
  }
  const token = { query: 'token', value }
  const client = new WebSocketClient(urlOf(server), { WebSocket: ws, backoff: FAST, token })
  t.teardown(() => client.close())
  const events = new ClientEvents(client as WebSocketClient<unknown, unknown>)
  await events.nth('open', 1)
  t.same(events.of('error'), [broken])
  t.match(events.of('reconnecting'), [{ attempt: 2 }])
})

t.test('CL05 json: values, and listeners by the type of the schema that the server validates with', async (t) => {
  const Message = z.discriminatedUnion('type', [
    z.object({ type: z.literal('chat'), text: z.string() }),
    z.object({ type: z.literal('count'), count: z.number() }),
  ])
  const server = await startServer(t, { validate: Message, onInvalid: 'close' })
  server.on('connection', (id) => {
    for (const raw of ['{', '"text"', 'null', '{"type":"constructor"}', '{"type":7}']) server.send(id, raw)
    server.send(id, Buffer.from('{}'), true)
  })
  server.on('message', (id, message) => server.send(id, String(message)))
  const client = new WebSocketClient<z.infer<typeof Message>>(urlOf(server), { WebSocket: ws, json: true })
  t.teardown(() => client.close())
  const events = new ClientEvents(client as WebSocketClient<unknown, unknown>)
  const heard: unknown[] = []
  client.onType('chat', ({ text }) => heard.push(text.toUpperCase()))
  client.onType('count', ({ count }) => heard.push(count + 1))
  client.onType('chat', ({ type }) => heard.push(type))
  // @ts-expect-error the schema has no such type
  client.onType('unknown', () => heard.push('unknown'))
  client.send({ type: 'chat', text: 'hi' })
  client.send({ type: 'count', count: 1 })
  await events.nth('message', 6)
  t.same(heard, ['HI', 'chat', 2])
  t.same(events.of('message').slice(0, 4), ['text', null, { type: 'constructor' }, { type: 7 }])
  t.match(
    events.of('error').map((error) => (error as { code?: unknown }).code),
    ['MESSAGE_INVALID', 'MESSAGE_INVALID'],
  )
  t.throws(() => client.send(undefined as never), { code: 'ARGUMENT_INVALID' })
  // @ts-expect-error the schema has no such message
  client.send({ type: 'chat', text: 1 })
  t.match(await events.end(), { code: 1008 })
})

t.test('CL06 who has lost its network is noticed by either side, and comes back', async (t) => {
  const { pingIntervalMs, livenessMs } = resolveOptions({}).shard
  t.same([pingIntervalMs, livenessMs], [30_000, 45_000], 'a phone may miss one ping, not two')
  class Unreachable extends WsWebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { autoPong: false })
    }
  }
  const server = await startServer(t, { pingIntervalMs: 50, livenessMs: 75 })
  const client = new WebSocketClient(urlOf(server), { WebSocket: Unreachable, backoff: FAST })
  t.teardown(() => client.close())
  const events = new ClientEvents(client as WebSocketClient<unknown, unknown>)
  t.match(await events.nth('close', 1), { code: 1006, willReconnect: true })
  await events.nth('open', 2)
  client.reconnect()
  t.equal(client.state, 'connecting', 'when the network is said to be another one')
  await events.nth('open', 3)
})

t.test('a server may ask to wait, and reconnect does not', async (t) => {
  const server = await startServer(t)
  server.on('message', (id) => server.close(id, 1013, 'full; retry-after=7'))
  const backoff = { base: 100, factor: 1, max: 100, jitter: 1 }
  const client = new WebSocketClient(urlOf(server), { WebSocket: ws, backoff, random: () => 0.25 })
  t.teardown(() => client.close())
  const events = new ClientEvents(client as WebSocketClient<unknown, unknown>)
  client.send('leave')
  t.same(await events.nth('reconnecting', 1), { attempt: 1, delayMs: 7075 })
  client.reconnect()
  t.match(await events.nth('open', 2), { isReconnect: true })
  t.equal(server.getConnections().length, 1)
})

t.test('a listener that throws is an uncaught error, and stops nothing', async (t) => {
  const server = await startServer(t)
  server.on('connection', (id) => server.send(id, 'hello'))
  const client = new WebSocketClient(urlOf(server), { WebSocket: ws })
  t.teardown(() => client.close())
  const thrown: unknown[] = []
  const { queueMicrotask } = globalThis
  t.teardown(() => Object.assign(globalThis, { queueMicrotask }))
  const broken = new Error('of the listener')
  const throwIt = (): void => {
    // Only what the client queues for this error, not what anybody else does meanwhile.
    globalThis.queueMicrotask = (task) => {
      globalThis.queueMicrotask = queueMicrotask
      try {
        task()
      } catch (error) {
        thrown.push(error)
      }
    }
    throw broken
  }
  client.on('message', throwIt)
  const events = new ClientEvents(client as WebSocketClient<unknown, unknown>)
  t.equal(await events.nth('message', 1), 'hello')
  t.same(thrown, [broken])
  client.off('message', throwIt)
  client.off('message', throwIt)
  t.equal(client.state, 'open')
})
