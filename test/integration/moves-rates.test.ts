/** Bytes per second of one peer through moves: the bucket's level goes along, and who waits goes on. */
import t, { type Test } from 'tap'
import { type EngineUnderTest, nextText, nextTexts, sendText } from '../fixtures/engine-under-test.ts'
import { onEachStrategy, type Strategy, startMoving } from '../fixtures/moves/traffic.ts'
import type { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

const BYTES_PER_SECOND = 8000
/** A burst is two seconds' worth: eight of them. */
const PIECE = 2000
const BURST = 8
/** A short `perMs` makes the clock of the shard fine; so many messages are never too many. */
const PLENTY = { messages: 100_000, burst: 100_000, perMs: 40 }
/** The clock's grain before and after a move, many times over, and still far below the two seconds of a burst. */
const GRAIN_SECONDS = 0.25

function start(t: Test, handoff: Strategy, action: 'drop' | 'pause'): Promise<EngineUnderTest> {
  return startMoving(t, { handoff, shards: 1, rateLimit: { ...PLENTY, bytesPerSecond: BYTES_PER_SECOND, action } })
}

function sendPieces(client: RawClient, from: number, to: number, bytes = PIECE): void {
  for (let number = from; number < to; number++) sendText(client, `${number}`.padEnd(bytes, '.'))
}

async function numbers(client: RawClient, count: number): Promise<number[]> {
  return (await nextTexts(client, count)).map((text) => Number.parseInt(text, 10))
}

/** Resolves when the shard has read and answered everything that was sent before. */
async function fence(client: RawClient): Promise<void> {
  client.sendFrame({ opcode: RawOpcode.Ping })
  await client.nextControl()
}

t.test('rateLimit.bytesPerSecond: a move takes nothing of a burst away', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await start(t, handoff, 'drop')
    const { client, peer } = await engine.join()
    sendPieces(client, 0, 2)
    t.same(await numbers(client, 2), [0, 1])
    await engine.server.reload()
    sendPieces(client, 2, BURST)
    t.same(await numbers(client, BURST - 2), [2, 3, 4, 5, 6, 7])
    t.equal(engine.server.stats().dropped.rateLimit, 0)
    t.equal(peer.moves, 1)
  }),
)

t.test('rateLimit.bytesPerSecond: moves give no fresh burst', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const moves = 2
    const engine = await start(t, handoff, 'drop')
    const startMs = performance.now()
    const { client, peer } = await engine.join()
    for (let move = 0; move <= moves; move++) {
      sendPieces(client, 0, 2 * BURST)
      await fence(client)
      if (move < moves) await engine.server.reload()
    }
    const seconds = (performance.now() - startMs) / 1000
    t.equal(peer.moves, moves)
    const most = BURST * PIECE + (seconds + moves * GRAIN_SECONDS) * BYTES_PER_SECOND
    const { messagesReceived } = peer
    t.ok(messagesReceived >= BURST, `${messagesReceived} messages`)
    t.ok(messagesReceived * PIECE <= most, `${messagesReceived * PIECE} bytes in ${seconds.toFixed(1)} s`)
    t.equal(messagesReceived + engine.server.stats().dropped.rateLimit, (moves + 1) * 2 * BURST)
  }),
)

t.test('rateLimit.bytesPerSecond: who waits when he moves goes on when it is time, and loses nothing', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await start(t, handoff, 'pause')
    const { client, peer } = await engine.join()
    const startMs = performance.now()
    // All of the burst and as much of what comes later as 1.5 seconds need to be half full again.
    sendPieces(client, 0, 1, 2.5 * BYTES_PER_SECOND)
    t.same(await numbers(client, 1), [0])
    sendPieces(client, 1, 6, 100)
    await engine.server.reload()
    await engine.server.reload()
    t.same(await numbers(client, 5), [1, 2, 3, 4, 5])
    t.ok(performance.now() - startMs > 1500 - 1000 * GRAIN_SECONDS, 'not before half of a burst was there again')
    sendText(client, 'and on')
    t.equal(await nextText(client), 'and on')
    t.equal(peer.moves, 2)
    t.same(engine.journal.closes, [])
  }),
)
