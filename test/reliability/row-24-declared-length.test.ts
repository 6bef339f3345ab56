import t from 'tap'
import { encodeFrame, encodeFrames, RawOpcode } from '../fixtures/raw-frame.ts'
import { withRowServer } from './row-server.ts'

const MIB = 1024 * 1024
const CONNECTIONS = 200

t.test('row 24: a declared length over maxPayload is refused with 1009 before its first byte', async (t) => {
  const sizes = [BigInt(MIB) + 1n, 1n << 31n, (1n << 32n) + 1n, 1n << 53n, (1n << 63n) - 1n]
  await withRowServer(t, {}, async (server) => {
    const before = await server.usage()
    const clients = await server.connectMany(sizes.length * 10)
    for (const [index, client] of clients.entries()) {
      const declared = sizes[index % sizes.length] as bigint
      const header = { declared, payload: '' }
      if (index % 2 === 0) client.sendFrame({ ...header, opcode: RawOpcode.Binary })
      // The second frame of a message that is small so far.
      else
        client.sendRaw(
          encodeFrames([
            { opcode: RawOpcode.Binary, payload: 'begun', fin: false },
            { ...header, opcode: RawOpcode.Continuation },
          ]),
        )
    }
    for (const client of clients) t.match(await client.waitClosed(), { closeCode: 1009, how: 'fin' })
    const { errors } = await server.until('their errors', (seen) => seen.errors.length >= clients.length)
    t.same(errors, Array(clients.length).fill('MESSAGE_TOO_BIG'))
    const held = (await server.usage()).total - before.total
    t.comment(`${held} bytes held after ${clients.length} refusals`)
    t.ok(held < 4 * MIB)
  })
})

t.test(`row 24: ${CONNECTIONS} peers that declare 1 MiB and send little of it cost what they have sent`, async (t) => {
  // Nobody else, so that the bytes read are theirs.
  await withRowServer(t, { hasNeighbours: false }, async (server) => {
    const clients = await server.connectMany(CONNECTIONS)
    const whole = encodeFrame({ opcode: RawOpcode.Binary, payload: Buffer.alloc(MIB) })
    const before = await server.usage()
    const held: number[] = []
    let offset = 0
    for (const end of [whole.length - MIB, whole.length - MIB + 1, whole.length - MIB + 501]) {
      const { wireBytesIn } = (await server.seen()).stats
      for (const client of clients) client.sendRaw(whole.subarray(offset, end))
      const wire = wireBytesIn + CONNECTIONS * (end - offset)
      await server.until('it is read', ({ stats }) => stats.wireBytesIn >= wire)
      held.push((await server.usage()).total - before.total)
      offset = end
    }
    t.comment(`held in all behind the header, 1 byte, 501 bytes: ${held.join(', ')}`)
    t.ok(held.every((bytes) => bytes < CONNECTIONS * 8 * 1024))
  })
})
