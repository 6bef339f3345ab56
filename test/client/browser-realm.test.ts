import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { WebSocketServer } from '../../src/index.ts'
import { DIST } from '../fixtures/repository.ts'

const run = promisify(execFile)
const realm = fileURLToPath(new URL('../fixtures/browser-realm.js', import.meta.url))

async function printed(path: string, code: string): Promise<string> {
  const { NODE_OPTIONS: _, ...env } = process.env
  const args = ['--experimental-vm-modules', '--no-warnings', realm, new URL(path, DIST).href, code]
  return (await run(process.execPath, args, { env, timeout: 20_000 })).stdout
}

t.test('CL01 the client needs nothing that only Node has: it works where browsers have it too', async (t) => {
  const server = new WebSocketServer({ shards: 0 })
  t.teardown(() => server.shutdown({ deadlineMs: 100 }))
  const { port } = await server.listen(0, '127.0.0.1')
  server.on('message', (id, message) => server.send(id, String(message)))
  const code = `
    print(typeof Buffer + ' ' + typeof process)
    const client = new module.WebSocketClient('ws://127.0.0.1:${port}/', { json: true })
    client.onType('echo', ({ text }) => { print(text); client.close() })
    client.send({ type: 'echo', text: 'hello' })`
  t.equal(await printed('src/client/websocket-client.js', code), 'undefined undefined\nhello\n')
  const refused = await printed('src/index.js', '').catch(({ stderr }) => stderr)
  t.match(refused, /no page can import node:/, 'which the server could not')
})

t.test('CL01 nor does its session', async (t) => {
  const server = new WebSocketServer({ shards: 0, sessions: true })
  t.teardown(() => server.shutdown({ deadlineMs: 100 }))
  const { port } = await server.listen(0, '127.0.0.1')
  server.on('message', (id) => server.getConnection(id)?.terminate())
  const code = `
    const client = new module.WebSocketClient('ws://127.0.0.1:${port}/', { session: true, backoff: { base: 2 } })
    client.on('open', ({ recovered }) => {
      print(String(recovered))
      if (recovered) client.close()
      else client.send('terminate')
    })`
  t.equal(await printed('src/client/websocket-client.js', code), 'false\ntrue\n')
})
