import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { encodeFrames, RawOpcode } from '../fixtures/raw-frame.ts'
import { type RowServer, type Usage, withRowServer } from './row-server.ts'

const CONNECTIONS = 2000
const AT_A_TIME = 100
/** What reliability.md asks for is 6 KB; a heap is never measured to the byte. */
const MOST = 2 * 6 * 1024
const KIB = 1024

t.test('row 49: an idle connection that has sent 5 bytes holds little more than a plain socket', async (t) => {
  await withRowServer(t, { app: 'idle', hasNeighbours: false }, async (server) => {
    const bare = await bareUsage(server)
    const empty = await server.usage()
    const hello = { opcode: RawOpcode.Text, payload: 'hello' }
    for (let opened = 0; opened < CONNECTIONS; opened += AT_A_TIME) {
      const clients = await server.connectMany(AT_A_TIME)
      for (const client of clients) client.sendFrame(hello)
      for (const client of clients) await client.nextMessage()
    }
    const full = await server.usage()
    const all = perConnection(empty, full)
    const onMain = (full.main.heap + full.main.external - empty.main.heap - empty.main.external) / CONNECTIONS
    t.comment(
      `bytes per connection: ${all.toFixed(0)}, of them ${onMain.toFixed(0)} on main; a plain socket ${bare.toFixed(0)}; ` +
        `RSS ${((full.rss - empty.rss) / CONNECTIONS).toFixed(0)}`,
    )
    t.ok(all - bare < MOST, `${(all - bare).toFixed(0)} bytes more than a plain socket`)
  })
})

/** Heap and external memory per plain socket of the same process after the same exchange. */
async function bareUsage(server: RowServer): Promise<number> {
  const port = await server.call<number>('listenBare')
  const empty = await server.usage()
  const sockets: Socket[] = []
  while (sockets.length < CONNECTIONS) {
    const some = Array.from({ length: AT_A_TIME }, () => connect(port, '127.0.0.1'))
    sockets.push(...some)
    for (const socket of some) socket.write('hello')
    await Promise.all(some.map((socket) => once(socket, 'data')))
  }
  const full = await server.usage()
  for (const socket of sockets) socket.destroy()
  while ((await server.call<number>('bareSockets')) > 0);
  await server.call('closeBare')
  return perConnection(empty, full)
}

function perConnection(empty: Usage, full: Usage): number {
  return (full.total - empty.total) / CONNECTIONS
}

t.test('row 49: a hundred kept messages of 5 bytes hold no more than the batches they came in', async (t) => {
  const kept = 100
  await withRowServer(t, { app: 'idle' }, async (server) => {
    const client = await server.connect()
    const large = Array.from({ length: 40 }, () => ({ opcode: RawOpcode.Text, payload: Buffer.alloc(7 * KIB, 'x') }))
    const before = await server.usage()
    for (let turn = 0; turn < kept; turn++) {
      client.sendRaw(encodeFrames([{ opcode: RawOpcode.Binary, payload: 'tiny!' }, ...large]))
      for (let echo = 0; echo <= large.length; echo++) await client.nextMessage()
    }
    // What a message is a view on came from the shard's thread: only `external` counts that here.
    const held = (await server.usage()).main.external - before.main.external
    t.equal(await server.call('kept'), kept)
    t.comment(`${held} bytes held by ${kept} messages of 5`)
    t.ok(held < kept * 80 * KIB)
  })
})
