import t from 'tap'
import { closeBody } from '../fixtures/engine-under-test.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { withRowServer } from './row-server.ts'

const OPTIONS = { closeTimeoutMs: 300 }

t.test('row 34: a close frame that is never answered: the connection is ended at closeTimeoutMs', async (t) => {
  await withRowServer(t, { app: 'closing', options: OPTIONS }, async (server) => {
    const before = (await server.seen()).closes.length
    const clients = await server.connectMany(20)
    for (const client of clients) client.sendFrame({ opcode: RawOpcode.Text, payload: 'close' })
    for (const client of clients) {
      const { payload } = await client.closeFrame()
      t.same(payload, closeBody(4001, 'as you wish'))
      // A peer that goes on as if nothing had happened: neither its pings nor its messages count any more.
      client.sendFrame({ opcode: RawOpcode.Ping, payload: 'late' })
      client.sendFrame({ opcode: RawOpcode.Text, payload: 'late' })
    }
    for (const client of clients) {
      t.match(await client.waitClosed(), { closeCode: 4001, framesAfterClose: 0, bytesLeft: 0 })
    }
    const seen = await server.until('their closes', ({ closes }) => closes.length === before + clients.length)
    t.same(new Set(seen.closes.slice(before).map(({ code }) => code)), new Set([1006]))
    t.equal(seen.stats.timeouts.close, clients.length)
  })
})

t.test('row 34: behind the close frame of a peer nothing counts, and no pong is sent', async (t) => {
  await withRowServer(t, { app: 'closing', options: OPTIONS }, async (server) => {
    const before = (await server.seen()).closes.length
    const codes = [1000, 1001, 1012, 1013, 1014, 3000, 4999]
    for (const code of codes) {
      const client = await server.connect()
      client.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(code, 'x'.repeat(123)) })
      client.sendFrame({ opcode: RawOpcode.Ping, payload: 'late' })
      client.sendFrame({ opcode: RawOpcode.Text, payload: 'late' })
      t.match(await client.waitClosed(), { closeCode: code, how: 'fin', framesAfterClose: 0 })
      t.same(client.unread(), [])
    }
    const { closes } = await server.until('their closes', (seen) => seen.closes.length === before + codes.length)
    t.same(
      closes.slice(before).map(({ code }) => code),
      codes,
    )
    t.same(await server.call('strange'), [])
  })
})
