import t from 'tap'
import type { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { withRowServer } from './row-server.ts'

const MIB = 1024 * 1024
const MESSAGES = 1_000_000
const BYTES = 256
const WINDOW = 4 * MIB
const BROADCASTS = 100

t.test(
  'row 17: a frozen shard is owed no more than its window, every refusal is counted, others get everything',
  async (t) => {
    // The neighbours would get the broadcasts.
    const spec = { app: 'flood', hasNeighbours: false, options: { maxShardBackpressure: WINDOW } }
    await withRowServer(t, spec, async (server) => {
      const frozen = await server.join()
      const awake = await server.join()
      t.not(frozen.shard, awake.shard)
      await server.call('send', awake.id, 100, BYTES)
      await expectNumbers(awake.client, 0, 100)
      const held = await server.call<number>('mainMemory')
      const native = await server.call<number>('nativeMemory')

      await server.call('freeze', frozen.shard)
      const accepted = await server.call<number>('send', frozen.id, MESSAGES, BYTES)
      t.comment(`${accepted} of ${MESSAGES} accepted`)
      t.ok(accepted >= WINDOW / BYTES - 1 && accepted <= WINDOW / BYTES + 1, `${accepted} of ${WINDOW / BYTES}`)
      const { dropped } = (await server.seen()).stats
      t.equal(dropped.link, MESSAGES - accepted, 'every refusal is counted')
      const heldMore = (await server.call<number>('mainMemory')) - held
      const nativeMore = (await server.call<number>('nativeMemory')) - native
      t.comment(
        `main holds ${(heldMore / MIB).toFixed(1)} MiB more, native memory + ${(nativeMore / MIB).toFixed(1)} MiB`,
      )
      t.ok(heldMore < 4 * WINDOW)
      t.ok(nativeMore < 128 * MIB, `${nativeMore} of the ${MESSAGES * BYTES} bytes of payload`)

      // Nobody else has to do with it.
      t.equal(
        await server.call('broadcast', BROADCASTS, BYTES),
        BROADCASTS,
        'a broadcast says that a shard was left out',
      )
      await expectNumbers(awake.client, 0, BROADCASTS)
      t.equal(await server.call('send', awake.id, 1000, BYTES), 1000)
      await expectNumbers(awake.client, 100, 1000)
      t.equal((await server.seen()).stats.dropped.link, MESSAGES - accepted + BROADCASTS)

      await server.call('thaw', frozen.shard)
      await expectNumbers(frozen.client, 0, accepted)
      frozen.client.sendFrame({ opcode: RawOpcode.Text, payload: 'and back' })
      t.equal((await frozen.client.nextMessage()).payload.toString(), 'and back', 'nothing more than was accepted')
      const { closes, opened, stats } = await server.seen()
      t.equal(closes.length, opened.length - 2)
      t.equal(stats.shardDeaths, 0)
    })
  },
)

async function expectNumbers(client: RawClient, first: number, count: number): Promise<void> {
  for (let number = first; number < first + count; number++) {
    const { payload } = await client.nextMessage()
    if (payload.readUInt32BE() !== number) throw new Error(`${payload.readUInt32BE()} instead of ${number}`)
  }
}
