import fc from 'fast-check'
import t from 'tap'
import { FrameParser } from '../../src/shared/protocol/frame-parser.ts'
import { encodeFrame, encodeFrames, type FrameSpec, RawOpcode } from '../fixtures/raw-frame.ts'
import { withRowServer } from './row-server.ts'

const { Text, Binary, Continuation, Ping, Pong } = RawOpcode

/** Frames of every kind, some of them behind others, and a violation at the end now and then. */
const frames = fc.array(
  fc.constantFrom<readonly FrameSpec[]>(
    [{ opcode: Text, payload: 'žluťoučký kůň' }],
    [{ opcode: Binary, payload: Buffer.alloc(300, 7) }],
    [{ opcode: Ping, payload: 'p' }],
    [{ opcode: Pong }],
    [
      { opcode: Text, payload: '', fin: false },
      { opcode: Ping, payload: 'inside' },
      { opcode: Continuation, payload: 'ends' },
    ],
  ),
  { minLength: 1, maxLength: 8 },
)
const ends = fc.constantFrom<FrameSpec>(
  { opcode: RawOpcode.Close, payload: Buffer.from([0x03, 0xe8]) },
  { opcode: Text, payload: 'x', rsv: 1 },
  { opcode: Text, payload: Buffer.from([0xff]) },
)

t.test('row 73: however a stream is cut into writes, the answers are the same', async (t) => {
  await withRowServer(t, {}, async (server) => {
    const answers = async (wire: Buffer, sizes: readonly number[]): Promise<string[]> => {
      const client = await server.connect()
      for (let at = 0, turn = 0; at < wire.length; turn++) {
        const size = sizes[turn % sizes.length] as number
        await client.sendChopped(wire.subarray(at, at + size), size)
        at += size
      }
      const { closeCode } = await client.waitClosed()
      // Messages and pongs take different ways back: their order against each other is not promised.
      return [`close ${closeCode}`, ...client.unread()].sort()
    }
    await fc.assert(
      fc.asyncProperty(
        frames,
        ends,
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 8 }),
        async (body, end, sizes) => {
          const wire = encodeFrames([...body.flat(), end])
          const [whole, cut, single] = [
            await answers(wire, [wire.length]),
            await answers(wire, sizes),
            await answers(wire, [1]),
          ]
          return whole.join() === cut.join() && whole.join() === single.join()
        },
      ),
      { numRuns: 40, seed: 73 },
    )
  })
})

t.test('row 73: the cost of one-byte reads is linear in their number', async (t) => {
  const cpuOf = (length: number): number => {
    const wire = encodeFrame({ opcode: Binary, payload: Buffer.alloc(length) })
    const ignore = (): void => {}
    const limits = { maxPayload: 2 ** 24, maxCompressedSize: 2 ** 24, maxFragments: 1, allowRsv1: false }
    const parser = new FrameParser('server', limits, {
      onMessage: ignore,
      onPing: ignore,
      onPong: ignore,
      onClose: ignore,
    })
    const begin = process.cpuUsage()
    for (let at = 0; at < wire.length - 1; at++)
      if (parser.push(wire.subarray(at, at + 1)) !== null) throw new Error('refused')
    const { user, system } = process.cpuUsage(begin)
    return user + system
  }
  const ratios = Array.from({ length: 5 }, () => cpuOf(100_000) / cpuOf(50_000)).sort((a, b) => a - b)
  t.comment(`twice as many bytes cost ${ratios[2]?.toFixed(2)} times as much`)
  t.ok((ratios[2] ?? 9) < 3)
})
