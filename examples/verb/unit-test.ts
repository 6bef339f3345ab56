/** How an application is tested: a server on a free port, a real client. `npx tap dist/examples/verb/unit-test.js` */
import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { createServer } from '../../src/facades/verb.ts'

t.test('it handles WebSocket connections', async (t) => {
  const app = createServer()
  let receivedMessage = ''
  app.get('/test', (_request, response) => {
    const ws = response.upgrade()
    ws.on('message', (message) => {
      receivedMessage = String(message)
      ws.send(`Echo: ${message}`)
    })
  })
  const { port } = await app.withOptions({ websocket: { shards: 1 } }).listen(0, '127.0.0.1')
  t.teardown(() => app.shutdown())

  const client = new WebSocket(`ws://127.0.0.1:${port}/test`)
  await once(client, 'open')
  client.send('Hello Server!')
  const [data] = await once(client, 'message')
  t.equal(String(data), 'Echo: Hello Server!')
  t.equal(receivedMessage, 'Hello Server!')
  client.close()
  await once(client, 'close')
})
