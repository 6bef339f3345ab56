/** A promise of the application rejects and nobody awaits it. */
import t, { type Test } from 'tap'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { received } from '../fixtures/fence.ts'
import { NodeProcess } from '../fixtures/node-process.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { encodeFrame, RawOpcode } from '../fixtures/raw-frame.ts'

const FAILING = new URL('../fixtures/handlers/failing.js', import.meta.url)
const STRAY = encodeFrame({ opcode: RawOpcode.Text, payload: 'throw in a promise' })
/** What main takes on credit. */
const CREDIT = 1024

/** A program with a handler on main. With `listens` it hears of rejections itself. It ends by itself in time. */
const PROGRAM = `
import { WebSocketServer } from '${new URL('../../src/index.js', import.meta.url)}'
if (process.argv.includes('listens')) process.on('unhandledRejection', ({ message }) => console.log('heard', message))
const message = (socket, text) => {
  if (text === 'end') process.exit(7)
  if (text === 'stray') void Promise.reject(new Error('a stray'))
  else socket.send(text)
}
const server = new WebSocketServer({ shards: 1, execArgv: [], logLevel: 'error', handler: { message } })
server.on('error', ({ message }) => console.log('error event', message))
console.log('port', (await server.listen(0, '127.0.0.1')).port)
setTimeout(() => process.exit(9), 20_000)
`

async function startProgram(t: Test, ...args: string[]): Promise<{ program: NodeProcess; client: RawClient }> {
  const program = new NodeProcess(['--input-type=module', '-e', PROGRAM, ...args])
  const [, port] = await program.printed(/port (\d+)/)
  const client = await RawClient.connect({ port: Number(port) })
  t.teardown(() => client.destroy())
  return { program, client }
}

t.test('on main it ends the process, as in any Node program', async (t) => {
  const { program, client } = await startProgram(t)
  sendText(client, 'stray')
  t.equal(await program.ended, 1)
  t.match(program.stderr, /Error: a stray/)
  t.notMatch(program.output, /error event/)
})

t.test('on main a program that listens for it hears of it, and every connection goes on', async (t) => {
  const { program, client } = await startProgram(t, 'listens')
  sendText(client, 'stray')
  await program.printed(/heard a stray/)
  sendText(client, 'and on')
  t.equal(await nextText(client), 'and on')
  t.notMatch(program.output, /error event/)
  sendText(client, 'end')
  t.equal(await program.ended, 7)
})

t.test('in a shard each is an error of nobody, and nobody moves or ends', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1, handler: FAILING })
  const joined = await engine.join()
  for (let each = 0; each < 3; each++) joined.client.sendRaw(STRAY)
  await engine.journal.until('the errors', () => engine.journal.errors[2])
  t.same(
    engine.journal.errors.map(({ id, error }) => [id, error.message]),
    Array(3).fill([undefined, 'rejected']),
  )
  t.match(engine.server.stats(), { errors: { handler: 3 }, shardDeaths: 0 })
  sendText(joined.client, 'still here')
  t.equal(await nextText(joined.client), 'still here 0 still here')
  t.equal(joined.peer.moves, 0)
})

t.test('in a shard: while main is blocked they are counted, and main is not flooded', async (t) => {
  const count = 8 * CREDIT
  const engine = await EngineUnderTest.start(t, { shards: 1, handler: FAILING })
  const { server, journal } = engine
  const joined = await engine.join()
  joined.client.sendRaw(Buffer.concat(Array(count).fill(STRAY)))
  const giveUpMs = performance.now() + 10_000
  while (server.stats().errors.handler < count && performance.now() < giveUpMs);
  t.equal(server.stats().errors.handler, count)
  t.same(await received(engine, joined), [])
  t.ok(journal.errors.length > 0)
  t.ok(journal.errors.length <= 2 * CREDIT, `${journal.errors.length} of ${count}`)
  sendText(joined.client, 'still here')
  t.equal(await nextText(joined.client), 'still here 0 still here')
})
