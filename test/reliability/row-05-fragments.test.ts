import t from 'tap'
import { FrameParser } from '../../src/shared/protocol/frame-parser.ts'
import { encodeMaskedFrame } from '../../src/shared/protocol/frame-writer.ts'
import { Opcode } from '../../src/shared/protocol/opcodes.ts'
import { encodeFrame, RawOpcode } from '../fixtures/raw-frame.ts'
import { withRowServer } from './row-server.ts'

const CONNECTIONS = 20
const FRAGMENTS = 16_384
const MAX_FRAGMENTS = 1024
/** Room that grows by a quarter is filled five times over, and every byte comes in once. */
const MOST_COPIES = 8

/** `count` frames of one message that is not finished, a ping behind every 64th if wanted. */
function unfinished(count: number, payload: string, withPings = false): Buffer {
  const first = encodeFrame({ opcode: RawOpcode.Text, payload, fin: false })
  const next = encodeFrame({ opcode: RawOpcode.Continuation, payload, fin: false })
  const ping = encodeFrame({ opcode: RawOpcode.Ping })
  const rest = Array.from({ length: count - 1 }, (_, index) => (withPings && index % 64 === 0 ? [next, ping] : [next]))
  return Buffer.concat([first, ...rest.flat()])
}

for (const [what, payload] of [
  ['one byte', 'x'],
  ['no byte', ''],
] as const) {
  t.test(
    `row 5: ${CONNECTIONS} messages of ${FRAGMENTS} fragments of ${what} hold less than 1 MB together`,
    async (t) => {
      await withRowServer(t, { options: { maxFragments: 2 * FRAGMENTS } }, async (server) => {
        const clients = await server.connectMany(CONNECTIONS)
        const bytes = unfinished(FRAGMENTS, payload)
        const before = await server.usage()
        for (const client of clients) {
          client.sendRaw(bytes)
          client.sendFrame({ opcode: RawOpcode.Ping, payload: 'behind them' })
        }
        // The pong comes when all that was sent before it has been parsed.
        for (const client of clients) t.equal((await client.nextControl()).payload.toString(), 'behind them')
        const held = (await server.usage()).total - before.total
        t.comment(`${held} bytes held for ${CONNECTIONS * FRAGMENTS * payload.length} of payload`)
        t.ok(held < 1_000_000)
        for (const client of clients) {
          client.sendFrame({ opcode: RawOpcode.Continuation, payload: 'end' })
          t.equal((await client.nextMessage()).payload.toString(), `${payload.repeat(FRAGMENTS)}end`)
        }
      })
    },
  )
}

t.test(
  'row 5: fragment maxFragments + 1 is refused with 1008 by default, empty ones count, pings do not',
  async (t) => {
    await withRowServer(t, {}, async (server) => {
      for (const payload of ['x', '']) {
        for (const withPings of [false, true]) {
          for (const frames of [MAX_FRAGMENTS - 1, MAX_FRAGMENTS]) {
            const client = await server.connect()
            client.sendRaw(unfinished(frames - 1, payload, withPings))
            client.sendFrame({ opcode: RawOpcode.Continuation, payload })
            t.equal((await client.nextMessage()).payload.length, frames * payload.length, `${frames} frames`)
          }
          const client = await server.connect()
          client.sendRaw(unfinished(MAX_FRAGMENTS + 1, payload, withPings))
          t.match(await client.waitClosed(), { closeCode: 1008, how: 'fin' }, `${MAX_FRAGMENTS + 1} frames`)
        }
      }
      const { errors } = await server.until('their errors', (seen) => seen.errors.length >= 4)
      t.same(errors, Array(4).fill('TOO_MANY_FRAGMENTS'))
    })
  },
)

t.test(
  'row 5: payload is copied a few times, not once per fragment, however fragments and reads are cut',
  async (t) => {
    const wrong: string[] = []
    for (const size of [16, 1024, 65_536, 65_537]) {
      // Every fragment in two reads, several in one, and as a socket would deliver them.
      for (const read of [Math.ceil(size / 2), size + 100, 65_536]) {
        const times = timesCopied({ total: size < 1024 ? 500_000 : 4_000_000, size, read })
        if (times > MOST_COPIES) wrong.push(`fragments of ${size}, reads of ${read}: copied ${times.toFixed(1)} times`)
      }
    }
    t.same(wrong, [])
  },
)

/** How often a payload of `total` bytes is copied on its way through the parser, in fragments of `size` and reads of `read`. */
function timesCopied({ total, size, read }: { total: number; size: number; read: number }): number {
  const [part, header] = [Buffer.alloc(size, 'x'), { mask: Buffer.alloc(4) }]
  const next = encodeFrame({ ...header, opcode: RawOpcode.Continuation, payload: part, fin: false })
  const wire = Buffer.concat(Array(Math.ceil(total / size)).fill(next))
  wire[0] = RawOpcode.Binary
  const ignore = (): void => {}
  const limits = { maxPayload: 2 ** 24, maxCompressedSize: 2 ** 24, maxFragments: 2 ** 20, allowRsv1: false }
  const sink = { onMessage: ignore, onPing: ignore, onPong: ignore, onClose: ignore }
  const parser = new FrameParser('server', limits, sink)
  return (
    bytesCopied(() => {
      for (let at = 0; at < wire.length; at += read) {
        if (parser.push(wire.subarray(at, at + read)) !== null) throw new Error('refused')
      }
    }) / total
  )
}

/** Counts what `during` copies from array to array: unlike time, that is the same on every machine. */
function bytesCopied(during: () => void): number {
  const { set } = Uint8Array.prototype
  let copied = 0
  Uint8Array.prototype.set = function (source, offset) {
    copied += source.length
    set.call(this, source, offset)
  }
  try {
    during()
  } finally {
    Uint8Array.prototype.set = set
  }
  return copied
}

t.test('row 5: the cost is linear in the number of fragments, with pings between them too', async (t) => {
  for (const withPings of [false, true]) {
    const ratios = Array.from({ length: 5 }, () => cpuOf(65_536, withPings) / cpuOf(32_768, withPings))
    const ratio = ratios.sort((a, b) => a - b)[2] as number
    t.comment(`twice the fragments cost ${ratio.toFixed(2)} times as much`)
    t.ok(ratio < 3)
  }
})

/** Microseconds of this process. */
function cpuOf(fragments: number, withPings: boolean): number {
  const payload = Buffer.from('abcdefgh')
  const next = encodeMaskedFrame(Opcode.CONTINUATION, payload, 1, { fin: false })
  const ping = encodeMaskedFrame(Opcode.PING, payload, 1)
  const wire = Buffer.concat(Array(fragments).fill(withPings ? Buffer.concat([next, ping]) : next))
  wire[0] = Opcode.BINARY
  const ignore = (): void => {}
  const sink = { onMessage: ignore, onPing: ignore, onPong: ignore, onClose: ignore }
  const limits = { maxPayload: 2 ** 24, maxCompressedSize: 2 ** 24, maxFragments: fragments, allowRsv1: false }
  const parser = new FrameParser('server', limits, sink)
  const begin = process.cpuUsage()
  // As a socket would deliver it.
  for (let at = 0; at < wire.length; at += 65_536)
    if (parser.push(wire.subarray(at, at + 65_536)) !== null) throw new Error('refused')
  const { user, system } = process.cpuUsage(begin)
  return user + system
}
