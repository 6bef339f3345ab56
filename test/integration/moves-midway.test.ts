/** Connections move in the middle of what they send and of what is sent to them. */
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { supports } from '../../src/shared/handoff/probe.ts'
import { block } from '../fixtures/block.ts'
import { DeflateClient } from '../fixtures/deflate-client.ts'
import { deflated } from '../fixtures/deflate-context.ts'
import { type EngineUnderTest, type Joined, nextText, nextTexts, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { type MovingOptions, onEachStrategy, startMoving } from '../fixtures/moves/traffic.ts'
import type { RawClient } from '../fixtures/raw-client.ts'
import { encodeFrame, RawOpcode } from '../fixtures/raw-frame.ts'

/** Beyond what the kernel takes for a connection that is not read. */
const COUNT = 256
const BYTES = 64 * 1024
/** A queue that has not changed for so long stands still. */
const STILL_MS = 300

/** Resolves when the shard has read everything that was sent before. */
async function fence(client: RawClient): Promise<void> {
  client.sendFrame({ opcode: RawOpcode.Ping, payload: 'there?' })
  await client.nextControl()
}

/** `parts` are what is sent between two moves. The shard has read each of them before the connection moves. */
async function sendWithMoves(engine: EngineUnderTest, parts: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const [index, part] of parts.entries()) {
    if (index > 0) await engine.server.reload()
    await part()
  }
}

const single = (t: Test, options: MovingOptions): Promise<EngineUnderTest> => startMoving(t, { shards: 1, ...options })

t.test('a message in fragments, an emoji cut in the middle, with pings in between', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await single(t, { handoff })
    const { client, peer } = await engine.join()
    const bytes = Buffer.from('begins 🎈 ends')
    const cuts = [0, 9, bytes.length]
    const { Text, Continuation } = RawOpcode
    await sendWithMoves(
      engine,
      [0, 1, 2].map((part) => async () => {
        const payload = part === 2 ? Buffer.alloc(0) : bytes.subarray(cuts[part], cuts[part + 1])
        client.sendFrame({ opcode: part === 0 ? Text : Continuation, fin: part === 2, payload })
        await fence(client)
      }),
    )
    t.equal(await nextText(client), 'begins 🎈 ends')
    t.equal(peer.moves, 2)
    sendText(client, 'next')
    t.equal(await nextText(client), 'next')
  }),
)

t.test('what is not UTF-8 is noticed although its beginning has moved', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await single(t, { handoff })
    const { client } = await engine.join()
    client.sendFrame({ opcode: RawOpcode.Text, fin: false, payload: Buffer.of(0xf0, 0x9f) })
    await fence(client)
    await engine.server.reload()
    client.sendFrame({ opcode: RawOpcode.Continuation, payload: Buffer.of(0x41) })
    t.equal((await client.closeFrame()).payload.readUInt16BE(), 1007)
  }),
)

t.test('a frame cut in its header, its mask and its payload', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await single(t, { handoff })
    const { client, id, peer } = await engine.join()
    const text = 'x'.repeat(300)
    const frame = encodeFrame({ opcode: RawOpcode.Text, payload: text })
    const cuts = [0, 1, 5, 100, frame.length]
    const read = (): number => engine.server.stats().wireBytesIn
    const before = read()
    await sendWithMoves(
      engine,
      cuts.slice(1).map((end, at) => async () => {
        client.sendRaw(frame.subarray(cuts[at], end))
        await eventually(`${end} bytes are read`, () => read() === before + end)
      }),
    )
    t.equal(await nextText(client), text)
    t.equal(peer.moves, 3)
    t.same(engine.journal.closesOf(id), [])
  }),
)

t.test('a compressed message in fragments, which refers to what came before the first of two moves', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await single(t, { handoff, compression: 'dedicated', compressThreshold: 1 })
    const deflate = await DeflateClient.join(engine, 'permessage-deflate')
    const { client } = deflate
    deflate.send('one two three four five')
    t.equal(await deflate.nextText(), 'one two three four five')
    const dictionary = Buffer.from('one two three four five')
    const body = deflated('two three one five', { windowBits: 13, dictionary })
    await sendWithMoves(engine, [
      async () => {
        client.sendFrame({ opcode: RawOpcode.Text, fin: false, rsv: 4, payload: body.subarray(0, 2) })
        await fence(client)
      },
      async () => {
        client.sendFrame({ opcode: RawOpcode.Continuation, fin: false, payload: body.subarray(2, 3) })
        await fence(client)
      },
      async () => client.sendFrame({ opcode: RawOpcode.Continuation, payload: body.subarray(3) }),
    ])
    t.equal(await deflate.nextText(), 'two three one five')
  }),
)

/** Sends more than the kernel takes, numbered, and resolves when that takes nothing more. */
async function fill({ server }: EngineUnderTest, { client, id, peer }: Joined): Promise<void> {
  const filler = 'f'.repeat(BYTES)
  client.pause()
  for (let number = 0; number < COUNT; number++) server.send(id, `${number} ${filler}`)
  let amount = 0
  let sinceMs = performance.now()
  await eventually('the kernel is full', () => {
    if (peer.bufferedAmount !== amount) sinceMs = performance.now()
    amount = peer.bufferedAmount
    return amount > BYTES && performance.now() - sinceMs > STILL_MS
  })
}

async function readAll(client: RawClient): Promise<string[]> {
  const numbers: string[] = []
  for (const text of await nextTexts(client, COUNT)) numbers.push(text.slice(0, text.indexOf(' ')))
  return numbers
}

const NUMBERS = Array.from({ length: COUNT }, (_, number) => String(number))
/** The texts are a few bytes longer than `BYTES`, and nothing of them may have left when the last is sent. */
const ROOM_FOR_ALL = { maxBackpressure: (COUNT + 1) * BYTES }

t.test('output behind a reader who is slow: what the kernel has not taken goes along, and drain is told once', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await single(t, { handoff, ...ROOM_FOR_ALL })
    const { server, journal } = engine
    const slow = await engine.join()
    await fill(engine, slow)
    while (server.send(slow.id, 'f'.repeat(BYTES)));
    const moving = server.reload()
    await journal.until('a successor', () => journal.shardEvents.find(({ shard }) => shard === 1))
    slow.client.resume()
    t.match(await moving, { moved: 1, closed: 0 })
    t.same(await readAll(slow.client), NUMBERS)
    await journal.until('the drain', () => (journal.drains.length > 0 ? true : undefined))
    t.same(journal.drains, [slow.id])
    sendText(slow.client, 'fence')
    let text = await nextText(slow.client)
    while (text.startsWith('fff')) text = await nextText(slow.client)
    t.equal(text, 'fence')
    t.equal(slow.peer.bufferedAmount, 0)
    t.equal(server.stats().queuedBytes, 0)
  }),
)

t.test('a reader who reads nothing stays where it is, and misses nothing', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startMoving(t, { handoff, maxBackpressure: 2 * COUNT * BYTES, placement: () => 0 })
    const { server } = engine
    const [one, other] = (await engine.joinMany(2)) as [Joined, Joined]
    await Promise.all([fill(engine, one), fill(engine, other)])
    t.match(await server.rebalance(), { moved: 0, stayed: 1, closed: 0 })
    for (const { client, peer } of [one, other]) {
      client.resume()
      t.same(await readAll(client), NUMBERS)
      t.equal(peer.moves, 0)
    }
    t.match(await server.rebalance(), { moved: 1, stayed: 0, closed: 0 })
    t.same(engine.journal.closes, [])
  }),
)

t.test(
  'main is blocked for 6 s while the sockets that it has to forward are on their way: all of them move',
  async (t) => {
    const handoff = (await supports('descriptor')) ? 'descriptor' : 'transfer'
    const engine = await single(t, { handoff })
    const { server } = engine
    const joined = await engine.joinMany(3)
    server.state.set('slow', 200)
    const reloaded = server.reload()
    await eventually('main has made its cut', () => joined.every(({ peer }) => peer.moves === 1))
    // By then both shards have been told.
    for (let tick = 0; tick < 8; tick++) await turn()
    for (const { client } of joined) sendText(client, 'meanwhile')
    block(6000)
    t.match(await reloaded, { moved: 3, closed: 0 })
    for (const { client } of joined) {
      sendText(client, 'here')
      t.same(await nextTexts(client, 2), ['meanwhile', 'here'])
    }
  },
)
