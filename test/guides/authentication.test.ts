/** docs/guides/authentication.md: every server lets in whom it says, and nobody else. */
import { createHmac } from 'node:crypto'
import t from 'tap'
import { Guide } from '../fixtures/guide.ts'

const guide = new Guide('authentication')
const ORIGIN = 'https://chat.example.org'

t.test('every block is run here', async (t) => {
  t.same(Object.keys(guide.files), ['cookie.js', 'token.js', 'first-message.js', 'devices.js', 'schema.js'])
})

t.test('cookie.js: a signed session and the right page', async (t) => {
  const connect = await guide.serve(t, 'cookie.js')
  const open = (session: string, origin = ORIGIN): ReturnType<typeof connect> =>
    connect('/', [], { origin, headers: { Cookie: `theme=dark; session=${session}` } })
  const mac = createHmac('sha256', 'only for this page').update('ann').digest('base64url')
  t.equal(await (await open(`ann.${mac}`)).nextText(), 'hello, ann')
  for (const wrong of [`bob.${mac}`, `ann.${mac}x`, `ann.${mac.slice(1)}`, 'ann', 'ann.', '', '.']) {
    await t.rejects(open(wrong), { message: /401/ }, wrong)
  }
  await t.rejects(connect('/', [], { origin: ORIGIN }), { message: /401/ }, 'no cookie')
  await t.rejects(open(`ann.${mac}`, 'https://evil.example'), { message: /403/ })
})

t.test('token.js: a token as a subprotocol, which is not chosen', async (t) => {
  const connect = await guide.serve(t, 'token.js')
  const client = await connect('/', ['chat', 'bearer.s3cret'])
  t.equal(client.socket.protocol, 'chat')
  t.equal(await client.nextText(), 'hello, ann, we speak chat')
  await t.rejects(connect('/', ['chat', 'bearer.wrong']), { message: /401/ })
  await t.rejects(connect('/', ['chat']), { message: /401/ })
})

t.test('first-message.js: nothing goes through until it is known', async (t) => {
  const client = await (await guide.serve(t, 'first-message.js'))('/')
  for (const text of ['wrong', 's3cret', 'more']) client.socket.send(text)
  const answers = [await client.nextText(), await client.nextText(), await client.nextText()]
  t.same(answers, ['who are you?', 'hello, ann', 'you say more'])
})

t.test('devices.js: all devices, none, and one too many', async (t) => {
  const connect = await guide.serve(t, 'devices.js')
  const [phone, laptop] = [await connect('/ann'), await connect('/ann')]
  for (const device of [phone, laptop]) t.equal(await device.nextText(), 'ready')
  t.same(await (await connect('/ann')).closed, { code: 4403, reason: 'too many devices' })
  phone.socket.send('ann: hi')
  for (const device of [phone, laptop]) t.equal(await device.nextText(), 'ann says hi')
  phone.socket.send('bob: are you there?')
  phone.socket.send('ann: sent')
  t.equal(await phone.nextText(), 'ann says sent')
  const bob = await connect('/bob')
  t.same(await bob.nextText(), 'ann says are you there?')
  t.equal(await bob.nextText(), 'ready')
})

t.test('schema.js: what does not match is not delivered, and closes', async (t) => {
  const connect = await guide.serve(t, 'schema.js')
  const right = await connect('/')
  right.socket.send(JSON.stringify({ type: 'chat', text: 'hi' }))
  t.equal(await right.nextText(), 'hi')
  for (const [message, code] of [
    [JSON.stringify({ type: 'chat', text: 7 }), 1008],
    ['no JSON', 1008],
    [JSON.stringify({ type: 'chat', text: 'x'.repeat(4096) }), 1009],
  ] as const) {
    const wrong = await connect('/')
    wrong.socket.send(message)
    t.match(await wrong.closed, { code })
  }
})
