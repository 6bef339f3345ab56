import t from 'tap'
import { deflated } from '../fixtures/deflate-context.ts'
import type { RawClient } from '../fixtures/raw-client.ts'
import { encodeFrame, encodeFrames, RawOpcode } from '../fixtures/raw-frame.ts'
import { type RowServer, withRowServer } from './row-server.ts'
import { SeededRandom } from './seeded-random.ts'

const SEED = Number(process.env.ROW_SEED ?? 56)
const MESSAGES = 200
const AT_A_TIME = 16
const CONNECTION = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } }
const BEFORE = 'the message before'
const BEHIND = 'the message behind'

type Outcome = 'same' | 'changed' | 1002 | 1007 | 1009

/** A short message that repeats itself, so that its body has matches as well as literals. */
function messageOf(index: number): string {
  return `${index}-`.repeat(4 + (index % 5))
}

const compressed = (body: Buffer | string) => ({ opcode: RawOpcode.Text, rsv: 4, payload: body })

for (const mode of ['shared', 'dedicated'] as const) {
  t.test(`row 56: every byte of ${MESSAGES / 2} compressed messages, spoilt, ${mode}`, async (t) => {
    t.comment(`ROW_SEED=${SEED}`)
    // Answers come as they are, so that nothing but what the server inflates is judged.
    const options = { compression: mode, maxPayload: 1000, compressThreshold: 1_000_000 }
    await withRowServer(t, { options }, async (server) => {
      const random = new SeededRandom(SEED)
      const works: (() => Promise<Outcome>)[] = []
      for (let index = mode === 'shared' ? 0 : 1; index < MESSAGES; index += 2) {
        const message = messageOf(index)
        const body = deflated(message)
        for (let at = 0; at < body.length; at++) {
          const spoilt = Buffer.from(body)
          spoilt[at] = body.readUInt8(at) ^ (1 + random.below(255))
          works.push(() => outcomeOf(server, mode, message, spoilt))
        }
      }
      const outcomes = new Map<Outcome, number>()
      for (let done = 0; done < works.length; done += AT_A_TIME) {
        for (const outcome of await Promise.all(works.slice(done, done + AT_A_TIME).map((work) => work()))) {
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        }
      }
      t.comment(`${works.length} bytes: ${JSON.stringify(Object.fromEntries(outcomes))}`)
      t.ok((outcomes.get(1007) ?? 0) > 50)
      t.ok((outcomes.get('changed') ?? 0) > 50, 'DEFLATE has no checksum')
    })
  })
}

/**
 * Sends a good message, then the spoilt one and a good one. The first must come back as it was, on a new connection
 * behind one that has failed too; the others come back as something, or the connection ends.
 */
async function outcomeOf(server: RowServer, mode: string, message: string, spoilt: Buffer): Promise<Outcome> {
  const client = await server.connect(CONNECTION)
  client.sendFrame(compressed(deflated(BEFORE)))
  const first = (await client.nextMessage()).payload.toString()
  if (first !== BEFORE) throw new Error(`${first} instead of the message before a spoilt one`)
  client.sendRaw(encodeFrames([compressed(spoilt), compressed(deflated(BEHIND))]))
  const second = await textOrEnd(client)
  const third = second === null ? null : await textOrEnd(client)
  if (third !== null) {
    client.destroy()
    // A context that is kept carries what was spoilt into the next message.
    if (mode === 'shared' && third !== BEHIND) throw new Error(`${third} behind ${spoilt.toString('hex')}`)
    return second === message ? 'same' : 'changed'
  }
  const { closeCode } = await client.waitClosed()
  if (closeCode !== 1002 && closeCode !== 1007 && closeCode !== 1009) throw new Error(`closed with ${closeCode}`)
  // In a context that is kept it may be the next message that shows the fault.
  if (mode === 'shared' && second !== null) throw new Error(`${second} and then ${closeCode}`)
  return closeCode
}

function textOrEnd(client: RawClient): Promise<string | null> {
  return client.nextMessage().then(
    ({ payload }) => payload.toString(),
    () => null,
  )
}

t.test('row 56: every bit of the first byte of a compressed message, flipped', async (t) => {
  await withRowServer(t, { options: { compression: 'shared' } }, async (server) => {
    const good = encodeFrame(compressed(deflated('a message')))
    for (let bit = 0; bit < 8; bit++) {
      const client = await server.connect(CONNECTION)
      const spoilt = Buffer.from(good)
      spoilt[0] = good.readUInt8(0) ^ (1 << bit)
      client.sendRaw(spoilt)
      client.end()
      const { closeCode } = await client.waitClosed()
      // Without FIN it is unfinished, without RSV1 it is text that is none; everything else breaks RFC 6455 §5.2.
      t.equal(closeCode, bit === 7 ? undefined : bit === 6 ? 1007 : 1002, `bit ${bit}`)
      t.same(client.unread(), [])
    }
  })
})
