import t from 'tap'
import { EngineUnderTest, type Joined, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import type { RawClient } from '../fixtures/raw-client.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'
import { Steady } from './steady.ts'

const CLIENTS = 400
const AT_A_TIME = 50
/** Fewer than come back at once. */
const MAX_PENDING = 50
const DEADLINE_MS = 15_000

t.test('row 18: when a shard dies its clients all come back at once, and the others notice nothing', async (t) => {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const options = { shards: 2, maxPendingHandshakes: MAX_PENDING, shardUrl: shardUrl('obedient') }
  const engine = await EngineUnderTest.start(t, options)
  engine.server.on('message', (id, message) => engine.server.send(id, message, false))
  const joined: Joined[] = []
  while (joined.length < CLIENTS) joined.push(...(await engine.joinMany(AT_A_TIME)))
  const doomed = joined.filter(({ peer }) => peer.shard === 0)
  const steady = joined.filter(({ peer }) => peer.shard === 1).slice(0, 5)
  const neighbours = steady.map((each) => new Steady(each))

  let sentAway = 0
  const returned = doomed.map(async ({ client }): Promise<string> => {
    await client.closed
    // No pause and no jitter: the worst that clients can do.
    let again: RawClient
    for (;;) {
      again = await engine.open({ deadlineMs: DEADLINE_MS })
      if (again.response.status === 101) break
      t.equal(again.response.status, 503)
      t.match(again.response.headers.get('retry-after')?.[0], /^\d+$/)
      sentAway++
      again.destroy()
    }
    sendText(again, 'back')
    return nextText(again)
  })
  await orders.give({ shard: 0, act: 'exit' })
  t.same(new Set(await Promise.all(returned)), new Set(['back']))
  t.comment(`${doomed.length} came back; ${sentAway} times one was sent away`)
  for (const each of neighbours) await each.stop()
  t.ok(neighbours.every(({ echoed }) => echoed > 0))
  await eventually('all are counted', () => engine.server.stats().connections === CLIENTS)
  t.equal(engine.journal.closes.length, doomed.length, 'nobody else was lost')
  t.same(engine.server.stats().rejected.total, sentAway)
})
