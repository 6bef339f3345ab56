/** Compressed connections move: the window that messages refer to goes with them, or nothing has to. */
import t from 'tap'
import type { ClientOptions } from 'ws'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { onEachStrategy, startMoving, Traffic } from '../fixtures/moves/traffic.ts'

const CLIENTS = 4
const WORDS =
  'amber basalt cedar delta ember fjord garnet heath indigo jasper kelp lichen marble nickel onyx prairie'.split(' ')

/** Behind each number other words, most of which have come before. */
function words(number: number): string {
  const chosen = Array.from({ length: 60 }, (_, at) => WORDS[(number * 31 + at * (1 + (number % 7))) % WORDS.length])
  return ` ${chosen.join(' ')}`
}

const NO_TAKEOVER = { serverNoContextTakeover: true, clientNoContextTakeover: true }
const SMALL = { serverMaxWindowBits: 9, clientMaxWindowBits: 9 }

const AGREEMENTS: readonly [
  string,
  WebSocketServerOptions['compression'],
  ClientOptions['perMessageDeflate'],
  boolean,
][] = [
  ['shared', 'shared', {}, false],
  ['dedicated, both sides keep their context', 'dedicated', {}, true],
  ['dedicated, neither side does', 'dedicated', NO_TAKEOVER, false],
  ['dedicated, the server does not', 'dedicated', { serverNoContextTakeover: true }, true],
  ['dedicated, windows of 512 bytes', 'dedicated', SMALL, true],
]

for (const [name, compression, offer, keepsContext] of AGREEMENTS) {
  t.test(`${name}: nothing is lost, doubled, reordered or damaged`, (t) =>
    onEachStrategy(t, async (t, handoff) => {
      const engine = await startMoving(t, {
        handoff,
        shards: 1,
        compression: compression ?? false,
        compressThreshold: 1,
      })
      const client = { perMessageDeflate: { threshold: 0, ...(offer as object) } }
      const traffic = await Traffic.start(engine, { clients: CLIENTS, client, padding: words })
      const peers = traffic.travellers.map(({ peer }) => peer)
      t.ok(peers.every((peer) => peer.keepsContext === keepsContext))
      for (let time = 0; time < 2; time++) t.match(await engine.server.reload(), { moved: CLIENTS, closed: 0 })
      t.same(await traffic.stop(), [])
      t.ok(peers.every(({ compressionRatio, moves }) => compressionRatio > 0.1 && moves === 2))
      t.same(engine.journal.closes, [])
    }),
  )
}
