import t from 'tap'
import { deflated } from '../fixtures/deflate-context.ts'
import { encodeFrame, encodeFrames, RawOpcode } from '../fixtures/raw-frame.ts'
import { type RowServer, withRowServer } from './row-server.ts'

const MIB = 1024 * 1024
const BOMBS = 100
const AT_A_TIME = 10
const CONNECTION = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } }
/** 64 KiB on the wire, 64 MiB in memory. */
const BOMB = deflated(Buffer.alloc(64 * MIB), { level: 9 })
/** 1 KiB on the wire, 1 MiB in memory, which is as much as a message may have. */
const GRENADE = deflated(Buffer.alloc(MIB), { level: 9 })

const inOneFrame = encodeFrame({ opcode: RawOpcode.Binary, rsv: 4, payload: BOMB })
const inManyFrames = encodeFrames(
  Array.from({ length: 64 }, (_, index) => ({
    opcode: index === 0 ? RawOpcode.Binary : RawOpcode.Continuation,
    rsv: index === 0 ? 4 : 0,
    fin: index === 63,
    payload: BOMB.subarray((index * BOMB.length) / 64, ((index + 1) * BOMB.length) / 64),
  })),
)

for (const mode of ['shared', 'dedicated'] as const) {
  t.test(`row 6: ${BOMBS} bombs, in one frame and in many, ${mode}: 1009 each, and no memory`, async (t) => {
    await withRowServer(t, { options: { compression: mode } }, async (server) => {
      const before = await server.usage()
      const peak = await peakDuring(server, async () => {
        for (let done = 0; done < BOMBS; done += AT_A_TIME) {
          const clients = await server.connectMany(AT_A_TIME, CONNECTION)
          for (const [index, client] of clients.entries()) client.sendRaw(index % 2 === 0 ? inOneFrame : inManyFrames)
          for (const client of clients) t.match(await client.waitClosed(), { closeCode: 1009, how: 'fin' })
        }
      })
      const { errors } = await server.until('their errors', (seen) => seen.errors.length >= BOMBS)
      t.same(errors, Array(BOMBS).fill('MESSAGE_TOO_BIG'))
      const held = (await server.usage()).total - before.total
      t.comment(`RSS + ${((peak - before.rss) / MIB).toFixed(0)} MiB at most, ${held} bytes held behind them`)
      // The buffers for what is read and inflated belong to the shards, not to the bombs.
      t.ok(held < 8 * MIB)
      t.ok(peak - before.rss < 64 * MIB, 'one that was inflated would be as much')
    })
  })
}

t.test('row 6: messages that inflate to maxPayload each, without end: 1008', async (t) => {
  await withRowServer(t, { options: { compression: 'shared' } }, async (server) => {
    const before = await server.seen()
    const client = await server.connect(CONNECTION)
    const frame = encodeFrame({ opcode: RawOpcode.Binary, rsv: 4, payload: GRENADE })
    // 16 MiB at once and 8 MiB a second are allowed: this is 256.
    client.sendRaw(Buffer.concat(Array(256).fill(frame)))
    t.match(await client.waitClosed(), { closeCode: 1008, how: 'fin' })
    const { errors, stats } = await server.until('its error', (seen) => seen.errors.length > 0)
    t.same(errors, ['INFLATE_BUDGET'])
    const inflated = stats.bytesReceived - before.stats.bytesReceived
    t.ok(inflated >= 16 * MIB && inflated < 128 * MIB, `${Math.round(inflated / MIB)} MiB were inflated`)
  })
})

/** The largest resident set seen meanwhile. */
async function peakDuring(server: RowServer, during: () => Promise<void>): Promise<number> {
  let isOver = false
  let peak = 0
  const watch = async (): Promise<void> => {
    while (!isOver) peak = Math.max(peak, await server.call<number>('rss'))
  }
  const watching = watch()
  await during()
  isOver = true
  await watching
  return peak
}
