import t from 'tap'
import { encodeFrame, encodeFrames, RawOpcode } from '../fixtures/raw-frame.ts'
import { withRowServer } from './row-server.ts'

t.test('row 33: FIN behind N frames: all N are echoed first, then 1006, and nothing is left', async (t) => {
  await withRowServer(t, {}, async (server) => {
    const before = (await server.seen()).closes.length
    const counts = [0, 1, 2, 63, 64, 500, 2000]
    await Promise.all(
      counts.map(async (count) => {
        const texts = Array.from({ length: count }, (_, number) => `${number}`.padEnd(number % 300))
        const client = await server.connect()
        client.sendRaw(encodeFrames(texts.map((payload) => ({ opcode: RawOpcode.Text, payload }))))
        client.end()
        const { how, closeFrameSeen, bytesLeft } = await client.waitClosed()
        t.same({ how, closeFrameSeen, bytesLeft }, { how: 'fin', closeFrameSeen: false, bytesLeft: 0 })
        const echoed: string[] = []
        while (echoed.length < count) echoed.push((await client.nextMessage()).payload.toString())
        t.same(echoed, texts, `${count} frames, then FIN`)
      }),
    )
    const { closes } = await server.until('their closes', (seen) => seen.closes.length >= before + counts.length)
    t.same(new Set(closes.slice(before).map(({ code }) => code)), new Set([1006]))
  })
})

t.test('row 33: FIN inside a frame and inside a message: 1006, and the part is not delivered', async (t) => {
  await withRowServer(t, { hasNeighbours: false }, async (server) => {
    const before = await server.seen()
    const whole = encodeFrame({ opcode: RawOpcode.Text, payload: 'never delivered' })
    const begun = encodeFrame({ opcode: RawOpcode.Text, payload: 'never ', fin: false })
    const last = encodeFrame({ opcode: RawOpcode.Continuation, payload: 'delivered' })
    const parts = [
      ...Array.from({ length: whole.length - 1 }, (_, at) => whole.subarray(0, at + 1)),
      ...Array.from({ length: last.length }, (_, at) => Buffer.concat([begun, last.subarray(0, at)])),
    ]
    for (const part of parts) {
      const client = await server.connect()
      client.sendRaw(part)
      client.end()
      t.match(await client.waitClosed(), { how: 'fin', closeFrameSeen: false }, `after ${part.length} bytes`)
    }
    const all = before.closes.length + parts.length
    const { closes, stats } = await server.until('their closes', (seen) => seen.closes.length === all)
    t.same(new Set(closes.slice(before.closes.length).map(({ code }) => code)), new Set([1006]))
    t.equal(stats.messagesReceived, before.stats.messagesReceived)
  })
})
