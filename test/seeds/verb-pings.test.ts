/** Document 004: pings and pongs, and the handler object as a whole. */
import { once } from 'node:events'
import t from 'tap'
import type { VerbSocket } from '../../src/facades/verb.ts'
import { VerbUnderTest } from '../fixtures/verb-server.ts'

t.test('FV02: every handler of the object hears its event', async (t) => {
  const heard: string[] = []
  const note =
    (name: string) =>
    (...args: unknown[]): void => {
      heard.push(`${name} ${typeof (args[0] as VerbSocket).send} ${args.slice(1).map(String).join(' ')}`.trim())
    }
  const verb = new VerbUnderTest(t, {
    open: note('open'),
    message: (ws, ...args) => {
      note('message')(ws, ...args)
      throw new Error('oops')
    },
    close: note('close'),
    error: note('error'),
    ping: note('ping'),
    pong: note('pong'),
    drain: note('drain'),
  })
  await verb.listen()
  const client = await verb.connect()
  client.socket.ping('are you there')
  await once(client.socket, 'pong')
  client.socket.pong('unasked')
  client.socket.send('hi')
  await client.close(4000, 'bye')
  await verb.empty()
  t.same(heard, [
    'open function',
    'ping function are you there',
    'pong function unasked',
    'message function hi false',
    'error function Error: oops',
    'close function 4000 bye',
  ])
})

t.test('EV19 CO35 CO36: ping and pong with their data, by handler and by on', async (t) => {
  const verb = new VerbUnderTest(t, {
    ping: (ws, data) => ws.send(`ping ${data}`),
    pong: (ws, data) => ws.send(`pong ${data}`),
  })
  verb.app.get('/route', (_request, response) => {
    const ws = response.upgrade()
    ws.on('ping', (data) => ws.send(`ping ${data}`)).on('pong', (data) => ws.send(`pong ${data}`))
    ws.ping('health-check')
  })
  await verb.listen()
  const client = await verb.connect()
  client.socket.ping('a')
  t.equal(await client.nextText(), 'ping a')
  client.socket.pong('b')
  t.equal(await client.nextText(), 'pong b')
  const route = await verb.connect('/route')
  t.equal(await route.nextText(), 'pong health-check', 'as ws clients answer by themselves')
  route.socket.ping('c')
  t.equal(await route.nextText(), 'ping c')
})
