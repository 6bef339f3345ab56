import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { ERRORS, type ErrorCode, ShardwsError } from '../../../src/shared/errors.ts'
import { formatAnswer, refuse } from '../../../src/shared/handoff/refusal.ts'

function head(answer: string): { status: number; fields: Record<string, string>; body: string } {
  const [before = '', body = ''] = answer.split('\r\n\r\n')
  const [line = '', ...fields] = before.split('\r\n')
  const pairs = fields.map((field) => [
    field.slice(0, field.indexOf(':')).toLowerCase(),
    field.slice(field.indexOf(':') + 2),
  ])
  return { status: Number(line.split(' ')[1]), fields: Object.fromEntries(pairs), body }
}

/** Both ends of a TCP connection. */
async function sockets(t: Test): Promise<{ ours: Socket; client: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  const [ours] = (await once(server, 'connection')) as [Socket]
  for (const socket of [ours, client]) socket.on('error', () => {})
  t.teardown(() => {
    client.destroy()
    ours.destroy()
    server.close()
  })
  return { ours, client }
}

async function textOf(client: Socket): Promise<string> {
  let text = ''
  for await (const part of client) text += part
  return text
}

t.test('every refusing error becomes a complete HTTP answer that closes', async (t) => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const { status, message } = ERRORS[code]
    if (status === undefined) continue
    const answer = head(formatAnswer(new ShardwsError(code)))
    t.equal(answer.status, status, code)
    t.equal(answer.body, message)
    t.equal(Number(answer.fields['content-length']), Buffer.byteLength(message))
    t.match(answer.fields.connection, /close/i)
  }
})

t.test('503 says when to come back: 1 to 10 s, not the same to everyone', async (t) => {
  const seconds = Array.from({ length: 200 }, () => {
    const { fields } = head(formatAnswer(new ShardwsError('OVER_CAPACITY')))
    return Number(fields['retry-after'])
  })
  t.ok(seconds.every((each) => Number.isInteger(each) && each >= 1 && each <= 10))
  t.ok(new Set(seconds).size > 3)
  t.equal(head(formatAnswer(new ShardwsError('BAD_REQUEST'))).fields['retry-after'], undefined)
})

t.test('an answer of your own: status, fields, body', async (t) => {
  const own = { status: 302, headers: { Location: '/login' }, body: 'über' }
  const answer = head(formatAnswer(new ShardwsError('UNAUTHORIZED'), own))
  t.match(answer, { status: 302, fields: { location: '/login', 'content-length': '5' }, body: 'über' })
  t.equal(
    head(formatAnswer(new ShardwsError('NO_SHARD'), { headers: { 'Retry-After': '99' } })).fields['retry-after'],
    '99',
  )
})

t.test('a field that would split the answer is refused', async (t) => {
  for (const headers of [{ 'X-A': 'b\r\nX-C: d' }, { 'X\nA': 'b' }, { 'X A': 'b' }]) {
    t.throws(() => formatAnswer(new ShardwsError('UNAUTHORIZED'), { headers }), { code: 'ARGUMENT_INVALID' })
  }
})

t.test('the client gets the whole answer, though it goes on sending', async (t) => {
  const { ours, client } = await sockets(t)
  client.write(Buffer.alloc(256 * 1024))
  const answer = formatAnswer(new ShardwsError('BAD_REQUEST'))
  refuse(ours, answer)
  t.equal(await textOf(client), answer)
  client.end()
  await once(ours, 'close')
  t.ok(ours.destroyed)
})

t.test('a client that does not close its end is cut off', async (t) => {
  const { ours, client } = await sockets(t)
  const startedMs = performance.now()
  refuse(ours, formatAnswer(new ShardwsError('BAD_REQUEST')))
  client.resume()
  await once(ours, 'close')
  const elapsedMs = performance.now() - startedMs
  t.ok(elapsedMs >= 900 && elapsedMs < 4000, `after ${Math.round(elapsedMs)} ms`)
})
