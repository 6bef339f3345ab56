import t from 'tap'
import { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { RawSocket } from '../fixtures/raw-socket.ts'
import { SpawnedServer } from './spawned-server.ts'

const FILES = 200
const PLACES = FILES / 2
const SILENT = 2 * FILES

async function echoes(client: RawClient, text: string): Promise<boolean> {
  client.sendFrame({ opcode: RawOpcode.Text, payload: text })
  return (await client.nextMessage()).payload.toString() === text
}

t.test('row 28: with few descriptors clients are sent away in time, and a freed place is given again', async (t) => {
  const server = new SpawnedServer(t, { handleSignals: { deadlineMs: 1000 } }, FILES)
  const { port = 0 } = await server.told()
  const clients: RawClient[] = []
  for (let place = 0; place < PLACES; place++) clients.push(await RawClient.connect({ port }))
  for (let more = 0; more < 20; more++) {
    const { response } = await RawClient.open({ port })
    t.equal(response.status, 503)
    t.match(response.headers.get('retry-after')?.[0], /^\d+$/)
  }
  t.ok(await echoes(clients[0] as RawClient, 'all is well'))
  clients.pop()?.destroy()
  // The place is free when the server has noticed.
  let client = await RawClient.open({ port })
  while (client.response.status !== 101) client = await RawClient.open({ port })
  t.ok(await echoes(client, 'in its place'))
  clients.push(client)
  server.child.kill('SIGTERM')
  for (const each of clients) {
    const { payload } = await each.closeFrame()
    each.sendFrame({ opcode: RawOpcode.Close, payload })
  }
  t.same(await server.ended, [0, null])
})

t.test(
  'row 28: when descriptors run out all the same, the open connections go on and the server recovers',
  async (t) => {
    const server = new SpawnedServer(t, {}, FILES)
    const { port = 0 } = await server.told()
    const client = await RawClient.connect({ port })
    t.ok(await echoes(client, 'before'))
    // They say nothing, so they are not connections yet, and hold a descriptor each.
    const silent = await Promise.all(Array.from({ length: SILENT }, () => RawSocket.open(port).catch(() => null)))
    for (let i = 0; i < 10; i++) t.ok(await echoes(client, `meanwhile ${i}`))
    for (const socket of silent) socket?.destroy()
    for (;;) {
      const again = await RawClient.open({ port }).catch(() => null)
      if (again?.response.status !== 101) continue
      t.ok(await echoes(again, 'after'))
      again.destroy()
      break
    }
    t.ok(await echoes(client, 'to the end'))
    client.destroy()
  },
)
