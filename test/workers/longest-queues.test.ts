import t from 'tap'
import type { Connection } from '../../workers/connection.ts'
import { longestQueue, longestQueues } from '../../workers/longest-queues.ts'
import { TestConnection } from '../fixtures/test-connection.ts'

const LEAST = 64 * 1024
/** Of a frame of this size. */
const HEADER_BYTES = 4

/** Its peer does not read, and so many bytes wait. */
async function refused(bytes: number): Promise<TestConnection> {
  const test = new TestConnection()
  test.socket.block()
  queue(test, bytes)
  await test.sent()
  return test
}

function queue({ connection }: TestConnection, bytes: number): void {
  connection.outbound.send(Buffer.alloc(bytes - HEADER_BYTES), 0)
}

function connectionsOf(tests: readonly TestConnection[]): Connection[] {
  return tests.map(({ connection }) => connection)
}

t.test('row 9: when memory is short the longest queue goes, and short ones never', async (t) => {
  const [shorter, least, longest] = [await refused(LEAST - 1), await refused(LEAST), await refused(LEAST + 1)]
  const all = connectionsOf([shorter, least, longest])
  t.same(
    all.map(({ outbound }) => outbound.bufferedBytes - LEAST),
    [-1, 0, 1],
  )
  t.same(longestQueues(all, 1), [longest.connection])
  t.same(longestQueues(all, LEAST + 1), [longest.connection])
  t.same(longestQueues(all, LEAST + 2), [longest.connection, least.connection])
  t.same(longestQueues(all, Number.MAX_SAFE_INTEGER), [longest.connection, least.connection])
  t.same(longestQueues([shorter.connection], 1), [])
})

t.test('row 9: whoever only waits for the shard is not slow', async (t) => {
  const [moving, arriving, written] = [
    new TestConnection(),
    new TestConnection({}, { isAttached: false }),
    new TestConnection(),
  ]
  moving.connection.outbound.hold(() => {})
  const all = [moving, arriving, written]
  for (const test of all) queue(test, LEAST)
  t.same(
    all.map(({ connection }) => connection.outbound.bufferedBytes),
    [LEAST, LEAST, LEAST],
  )
  t.same(longestQueues(connectionsOf(all), 1), [])
  const slow = await refused(LEAST)
  t.same(longestQueues(connectionsOf([...all, slow]), Number.MAX_SAFE_INTEGER), [slow.connection])
})

t.test('row 7: over maxShardBackpressure somebody goes: of those that do not read, if there is one', async (t) => {
  const arriving = new TestConnection({}, { isAttached: false })
  queue(arriving, 2 * LEAST)
  const slow = await refused(LEAST)
  const both = connectionsOf([arriving, slow])
  t.equal(longestQueue(both), arriving.connection, 'nothing is known of the other one yet')
  slow.pass(1)
  arriving.pass(1)
  t.equal(longestQueue(both), slow.connection)
  t.equal(longestQueue([]), undefined)
})
