import t from 'tap'
import { ClientProcess, type PingResult } from '../fixtures/client-process.ts'
import type { RawClient } from '../fixtures/raw-client.ts'
import { encodeFrame, encodeFrames, type FrameSpec, RawOpcode } from '../fixtures/raw-frame.ts'
import { type RowServer, withRowServer } from './row-server.ts'
import { SeededRandom } from './seeded-random.ts'

const MIB = 1024 * 1024
const SIZE = 64 * MIB
const SEED = Number(process.env.ROW_SEED ?? 64)
const LIMITS = { maxPayload: SIZE, maxFragments: 100_000, maxBackpressure: SIZE, maxShardBackpressure: 4 * SIZE }
/** For an echo the payload is in at most three buffers at once, some of which wait for a garbage collection. */
const MOST_BUFFERS = 5

const MESSAGE = Buffer.alloc(SIZE, new SeededRandom(SEED).bytes(4099))

/** Some of its fragments are empty, most are short, a few are long. */
function inFragments(random: SeededRandom): Buffer {
  const frames: FrameSpec[] = []
  for (let at = 0; at < SIZE; ) {
    const end = at + random.below(random.below(8) === 0 ? 200_000 : 6000)
    const opcode = frames.length === 0 ? RawOpcode.Binary : RawOpcode.Continuation
    frames.push({ opcode, payload: MESSAGE.subarray(at, end), fin: end >= SIZE })
    at = end
  }
  return encodeFrames(frames)
}

const WIRES: Readonly<Record<string, () => Buffer>> = {
  'in one frame': () => encodeFrame({ opcode: RawOpcode.Binary, payload: MESSAGE }),
  'in many frames': () => inFragments(new SeededRandom(SEED)),
}

for (const [how, wireOf] of Object.entries(WIRES)) {
  t.test(`long messages: an echo of 64 MiB ${how}, in writes of random sizes`, async (t) => {
    t.comment(`ROW_SEED=${SEED}`)
    await withRowServer(t, { options: LIMITS }, async (server) => {
      const client = await server.connect({ deadlineMs: 60_000 })
      const { rss } = await server.usage()
      const wire = wireOf()
      let peak = 0
      let isOver = false
      const watch = async (): Promise<void> => {
        while (!isOver) peak = Math.max(peak, await server.call<number>('rss'))
      }
      const watching = watch()
      await sendInParts(client, wire, new SeededRandom(SEED + 1))
      const { payload } = await client.nextMessage()
      isOver = true
      await watching
      t.ok(payload.equals(MESSAGE), 'every byte of it')
      t.comment(
        `RSS + ${((peak - rss) / MIB).toFixed(0)} MiB at most, ${((peak - rss) / SIZE).toFixed(2)} times the payload`,
      )
      t.ok(peak - rss < MOST_BUFFERS * SIZE)
      await assertFreed(server, rss)
    })
  })
}

/** First some bytes by themselves, so that headers are cut too. */
async function sendInParts(client: RawClient, wire: Buffer, random: SeededRandom): Promise<void> {
  for (let at = 0; at < wire.length; ) {
    const size = at < 200 ? 1 : 1 + random.below(random.below(2) === 0 ? 3000 : 300_000)
    await client.sendChopped(wire.subarray(at, at + size), size)
    at += size
  }
}

/** A collection in every thread frees all of it. */
async function assertFreed(server: RowServer, rss: number): Promise<void> {
  const { total, rss: now } = await server.usage()
  if (total > SIZE) throw new Error(`${total} bytes are still held, RSS + ${now - rss}`)
}

t.test('long messages: a stream of 1 MiB messages does not stall the other connections of its shard', async (t) => {
  await withRowServer(t, { options: { shards: 1, maxBackpressure: 16 * MIB, maxControlRate: 0 } }, async (server) => {
    const client = await server.connect({ deadlineMs: 60_000 })
    const payload = MESSAGE.subarray(0, MIB)
    const frame = encodeFrame({ opcode: RawOpcode.Binary, payload })
    // In a process of their own: this one has enough to do.
    const pings = await ClientProcess.start<PingResult>({ job: 'ping', port: server.port, connections: 4, everyMs: 1 })
    t.teardown(() => pings.end())
    const [messages, inFlight] = [200, 3]
    for (let number = 0; number < messages + inFlight; number++) {
      if (number < messages) client.sendRaw(frame)
      if (number >= inFlight && !(await client.nextMessage()).payload.equals(payload)) t.fail(`message ${number}`)
    }
    pings.tell('stop')
    const { pongs, longestMs, lost } = await pings.result()
    t.comment(`${pongs} pongs meanwhile, the slowest after ${longestMs.toFixed(1)} ms`)
    t.equal(lost, 0)
    t.ok(pongs > 0)
    t.ok(longestMs < 500)
    await pings.end()
  })
})
