import t from 'tap'
import { encodeFrames, RawOpcode } from '../fixtures/raw-frame.ts'
import { upgradeRequest } from '../fixtures/raw-request.ts'
import { RawSocket } from '../fixtures/raw-socket.ts'
import { withRowServer } from './row-server.ts'
import { SeededRandom } from './seeded-random.ts'

const SEED = Number(process.env.ROW_SEED ?? 32)
const CONNECTIONS = 600
const AT_A_TIME = 30

const HANDSHAKE = upgradeRequest()
const LARGE = Buffer.alloc(100_000, 'whole ')
/** The parts of a life, each of which a reset may cut. */
const FRAMES = encodeFrames([
  { opcode: RawOpcode.Text, payload: 'whole message' },
  { opcode: RawOpcode.Binary, payload: 'whole ', fin: false },
  { opcode: RawOpcode.Ping, payload: 'inside' },
  { opcode: RawOpcode.Continuation, payload: 'in two parts' },
  { opcode: RawOpcode.Binary, payload: LARGE },
])
const PEER_CLOSES = encodeFrames([{ opcode: RawOpcode.Close, payload: Buffer.from([0x03, 0xe8]) }])
const SERVER_CLOSES = encodeFrames([{ opcode: RawOpcode.Text, payload: 'close' }])

t.test(`row 32: ${CONNECTIONS} resets at random moments: one close event each, and no part of a message`, async (t) => {
  t.comment(`ROW_SEED=${SEED}`)
  const random = new SeededRandom(SEED)
  await withRowServer(t, { app: 'closing' }, async (server) => {
    const before = await server.seen()
    let answered = 0
    for (let done = 0; done < CONNECTIONS; done += AT_A_TIME) {
      const lives = await Promise.all(Array.from({ length: AT_A_TIME }, () => liveAndReset(server.port, random)))
      answered += lives.filter(({ wasAnswered }) => wasAnswered).length
    }
    const { open } = before
    const seen = await server.until('all are closed', (now) => now.open === open && now.stats.connections === open)
    const closes = seen.closes.slice(before.closes.length)
    const codes = [...new Set(closes.map(({ code }) => code))]
    t.comment(`${closes.length} of ${CONNECTIONS} were opened; close codes ${codes.join(', ')}`)
    t.ok(answered > CONNECTIONS / 4, `${answered} had an answer`)
    t.ok(closes.length >= answered, 'who had an answer was opened')
    t.ok(closes.length < CONNECTIONS, 'some did not finish their handshake')
    t.same(
      closes.filter(({ code }) => ![1000, 1006].includes(code)),
      [],
    )
    t.same(
      seen.errors.filter((code) => code !== 'TRANSPORT_FAILED'),
      [],
    )
    t.same(await server.call('strange'), [])
  })
})

/** Sends a life up to a random byte, may wait for what comes back, and resets. */
async function liveAndReset(port: number, random: SeededRandom): Promise<{ wasAnswered: boolean }> {
  const ends = [PEER_CLOSES, SERVER_CLOSES, Buffer.alloc(0)]
  const frames = Buffer.concat([FRAMES, ends[random.below(ends.length)] as Buffer])
  const isInHandshake = random.below(4) === 0
  // Half of the cuts where the small frames are, and the whole life as often.
  const cut = [random.below(60), random.below(frames.length), frames.length - random.below(10), frames.length]
  const parts = isInHandshake
    ? [HANDSHAKE.subarray(0, random.below(HANDSHAKE.length + 1))]
    : [HANDSHAKE, frames.subarray(0, cut[random.below(cut.length)])]
  const patience = random.below(4)
  const socket = await RawSocket.open(port)
  let received = 0
  socket.onBytes = (chunk) => {
    received += chunk.length
  }
  for (const part of parts) socket.write(part)
  // 0: at once; 1: a turn later; else with the first byte of the answer, or with an echo if one is to come.
  if (patience === 1) await new Promise((resolve) => setImmediate(resolve))
  if (patience > 1 && !isInHandshake) {
    const enough = patience === 3 && (parts[1]?.length ?? 0) > 100 ? 140 : 1
    await socket.waitFor('an answer', () => received >= enough || undefined)
  }
  socket.reset()
  await socket.closed
  return { wasAnswered: received > 0 }
}
