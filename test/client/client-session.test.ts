/** The option `session` of the client, against real servers. */
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket as WsWebSocket } from 'ws'
import { ClientSession } from '../../src/client/client-session.ts'
import type { PlainSocketClass } from '../../src/client/socket.ts'
import { WebSocketClient, type WebSocketClientOptions } from '../../src/client/websocket-client.ts'
import { WebSocketServer, type WebSocketServerOptions } from '../../src/index.ts'
import { ClientEvents } from '../fixtures/client-events.ts'

const globalClass = (globalThis as { WebSocket?: PlainSocketClass }).WebSocket
const CLASSES: Record<string, PlainSocketClass> = { ws: WsWebSocket, ...(globalClass && { global: globalClass }) }
const GREETING = JSON.stringify({ type: 'session', token: 'T', ttlMs: 1, recovered: true })

t.test('what asks for a session, and what is none', async (t) => {
  const session = new ClientSession()
  t.same(session.protocols, ['shardws.session'])
  for (const data of [
    'hello',
    '{"type":"session"}',
    'null',
    '[]',
    new ArrayBuffer(4),
    GREETING.replace('session', 'x'),
  ]) {
    t.equal(session.take(data), false)
    t.equal(session.isRecovered, false)
  }
  t.equal(session.take(GREETING), true)
  t.same([session.isRecovered, session.protocols], [true, ['shardws.session', 'shardws.resume.T']])
  session.take('hello')
  t.same([session.isRecovered, session.protocols], [false, ['shardws.session']])
})

for (const [name, WebSocket] of Object.entries(CLASSES)) {
  const start = async (t: Test, serving: WebSocketServerOptions, options: WebSocketClientOptions = {}) => {
    const server = new WebSocketServer({ shards: 0, ...serving })
    t.teardown(() => server.shutdown({ deadlineMs: 100 }))
    server.route('/', {
      open: (socket) => {
        if (!socket.recovered) socket.join('red')
        socket.send(`open ${socket.recovered} ${[...socket.rooms]}`)
      },
      message: (socket, text) => {
        if (text === 'terminate') socket.terminate()
        else socket.send(text)
      },
    })
    await server.listen(0, '127.0.0.1')
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const client = new WebSocketClient(url, { WebSocket, session: true, backoff: { base: 2, max: 8 }, ...options })
    t.teardown(() => client.close())
    return { server, client, events: new ClientEvents(client as WebSocketClient<unknown, unknown>) }
  }

  t.test(`CL01 ${name}: it goes on with its session when the connection was lost`, async (t) => {
    const { server, client, events } = await start(t, { sessions: true })
    t.same(await events.nth('open', 1), { isReconnect: false, recovered: false })
    t.equal(await events.nth('message', 1), 'open false red', 'the greeting is nobody else')
    t.equal(client.protocol, '')
    client.send('terminate')
    t.same(await events.nth('open', 2), { isReconnect: true, recovered: true })
    t.equal(await events.nth('message', 2), 'open true red')
    client.reconnect()
    t.same(await events.nth('open', 3), { isReconnect: true, recovered: true }, 'and when it was asked to reconnect')
    t.equal(await events.nth('message', 3), 'open true red')
    t.match(server.stats(), { reconnections: 2, sessions: { refused: 0 } })
  })

  t.test(`${name}: what was sent meanwhile goes out behind the listeners of open`, async (t) => {
    const { client, events } = await start(t, { sessions: true, protocols: ['chat'] }, { protocols: ['chat'] })
    client.on('open', () => client.send('from the listener'))
    client.send('waited')
    t.equal(await events.nth('message', 1), 'open false red')
    t.same([await events.nth('message', 2), await events.nth('message', 3)], ['from the listener', 'waited'])
    t.equal(client.protocol, 'chat')
  })

  t.test(`${name}: after close() nothing is left of it`, async (t) => {
    const { server, client, events } = await start(t, { sessions: true })
    await events.nth('open', 1)
    client.close()
    t.match(await events.nth('close', 1), { code: 1000, willReconnect: false })
    t.equal(server.stats().sessions.held, 0)
  })

  t.test(`${name}: a server without sessions that chooses a subprotocol is a server like any other`, async (t) => {
    const { client, events } = await start(t, { protocols: ['chat'] }, { protocols: ['chat'] })
    t.same(await events.nth('open', 1), { isReconnect: false, recovered: false })
    t.equal(await events.nth('message', 1), 'open false red')
    client.send('terminate')
    t.same(await events.nth('open', 2), { isReconnect: true, recovered: false })
  })

  t.test(`${name}: one whose session is in use elsewhere stays away`, async (t) => {
    const { server, events } = await start(t, { sessions: true })
    await events.nth('open', 1)
    const [id = ''] = server.getConnections()
    server.close(id, 4409, 'resumed elsewhere')
    t.match(await events.nth('close', 1), { code: 4409, willReconnect: false })
  })
}
