import { mock } from 'node:test'
import t from 'tap'
import type { ConnectionKey } from '../../src/shared/connection-key.ts'
import type { Taker } from '../../src/shared/handoff/strategy.ts'
import type { Ticket } from '../../src/shared/ticket.ts'
import type { Connection } from '../../workers/connection.ts'
import { SocketArrivals } from '../../workers/socket-arrivals.ts'

const [ONE, OTHER] = [1, 2] as ConnectionKey[] as [ConnectionKey, ConnectionKey]
const TICKET: Ticket = { via: 'descriptor' }
const [HERE, THERE] = [0, 1]

/** What has become of each connection, and of sockets that nobody wants. */
function setUp() {
  const opened: string[] = []
  const socket = { destroy: () => opened.push('destroyed') }
  const taker = { take: (_ticket, _connection, adopt) => adopt(socket as never) } as Taker
  const arrivals = new SocketArrivals(taker)
  const expect = (key: ConnectionKey, from = HERE): void =>
    arrivals.expect({ key } as Connection, from, (socket) =>
      opened.push(`${key}: ${socket === null ? 'lost' : 'open'}`),
    )
  return { arrivals, expect, opened }
}

t.test('a connection and its socket meet, whichever is first', (t) => {
  const { arrivals, expect, opened } = setUp()
  expect(ONE)
  arrivals.onTicket(OTHER, TICKET)
  t.same(opened, [])
  arrivals.onTicket(ONE, TICKET)
  expect(OTHER)
  t.same(opened, ['1: open', '2: open'])
  arrivals.stop()
  t.end()
})

t.test(
  'the shard that has given it back is gone for main too: nobody waits for its sockets, for others all do',
  (t) => {
    const { arrivals, expect, opened } = setUp()
    expect(ONE, HERE)
    expect(OTHER, THERE)
    arrivals.onShardGone(HERE)
    t.same(opened, ['1: lost'])
    arrivals.stop()
    t.same(opened, ['1: lost', '2: lost'])
    t.end()
  },
)

t.test('a socket may be a minute on its way; one that comes later is closed', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { arrivals, expect, opened } = setUp()
  expect(ONE)
  mock.timers.tick(59_999)
  t.same(opened, [])
  mock.timers.tick(1)
  t.same(opened, ['1: lost'])
  arrivals.onTicket(ONE, TICKET)
  t.same(opened, ['1: lost', 'destroyed'])
  t.end()
})
