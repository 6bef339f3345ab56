import t, { type Test } from 'tap'
import { supports } from '../../src/shared/handoff/probe.ts'
import type { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { upgradeRequest } from '../fixtures/raw-request.ts'
import { RawSocket } from '../fixtures/raw-socket.ts'
import { type RowServer, type RowServerSpec, withRowServer } from './row-server.ts'

const FILES = 200
const launcher = ['sh', '-c', `ulimit -n ${FILES} && exec "$0" "$@"`]
const skip = !(await supports('transfer')) && 'this Node does not transfer sockets'
/** As many as connect for the warm-up. */
const PLACES = 8
const LOST = 3
/** Where another thread has the last descriptor just then, Node sends the client away before anybody knows of it. */
const MOST_TRIES = 20

function withHoard(t: Test, options: RowServerSpec['options'], during: (server: RowServer) => Promise<void>) {
  const spec = { app: 'hoarding', launcher, hasNeighbours: false, ...(options && { options }) }
  return withRowServer(t, spec, during)
}

async function echoes(client: RawClient, text: string): Promise<boolean> {
  client.sendFrame({ opcode: RawOpcode.Text, payload: text })
  return (await client.nextMessage()).payload.toString() === text
}

t.test(
  'row 28: who comes when there is no descriptor for its way to the shard is sent away and counted',
  { skip },
  (t) =>
    withHoard(t, { maxConnections: PLACES }, async (server) => {
      const before = await server.seen()
      for (let lost = 0; lost < LOST; lost++) {
        const sockets = await server.call<number>('sockets')
        const client = await RawSocket.open(server.port)
        let answer = ''
        client.onBytes = (bytes) => (answer += bytes.toString('latin1'))
        await server.call('haveSockets', sockets + 1)
        await server.call('takeAll', 0)
        client.write(upgradeRequest())
        t.equal(await client.waitEnd(), 'fin')
        t.match(answer, /^HTTP\/1\.1 101 .*\r\n\r\n$/s, 'its 101 and nothing else')
        await server.call('release')
      }
      const { stats, errors } = await server.until('they are counted', ({ stats: { handoffs } }) => {
        return handoffs.lost + handoffs.failed === before.stats.handoffs.lost + before.stats.handoffs.failed + LOST
      })
      t.equal(stats.connections, 0)
      t.same(errors, Array(LOST).fill('NOT_TRANSFERABLE'))
      for (const client of await server.connectMany(PLACES)) t.ok(await echoes(client, 'every place is free'))
    }),
)

for (const accept of ['raw', 'acceptor'] as const) {
  t.test(`row 28: accept: '${accept}' counts whom it accepts and cannot give for want of a descriptor`, { skip }, (t) =>
    withHoard(t, { accept, maxConnections: PLACES }, async (server) => {
      const turnedAway = async (): Promise<number> => {
        return (await server.seen()).stats.rejected.reasons.NOT_TRANSFERABLE ?? 0
      }
      for (let tries = 0; tries < MOST_TRIES && (await turnedAway()) === 0; tries++) {
        await server.call('takeAll', 1)
        const client = await RawSocket.open(server.port)
        t.match(await client.waitEnd(), /fin|rst/)
      }
      t.not(await turnedAway(), 0)
      await server.call('release')
      for (const client of await server.connectMany(PLACES)) t.ok(await echoes(client, 'every place is free'))
    }),
  )
}

/** Two connections each on shards 0 and 1, of which the first two leave. */
async function leanTo(server: RowServer): Promise<RawClient[]> {
  const joined = await Promise.all(Array.from({ length: 8 }, () => server.join()))
  const [leaving, staying] = [0, 1].map((shard) => joined.filter((each) => each.shard === shard)) as [
    typeof joined,
    typeof joined,
  ]
  for (const { client } of leaving) client.destroy()
  await server.until('half of them have left', ({ open }) => open === staying.length)
  return staying.map(({ client }) => client)
}

t.test('row 28: who is to move stays where it is while there is no descriptor for the way', (t) =>
  withHoard(t, {}, async (server) => {
    const clients = await leanTo(server)
    await server.call('takeAll', 0)
    t.match(await server.call('rebalance'), { moved: 0, stayed: clients.length / 2 })
    for (const client of clients) t.ok(await echoes(client, 'still here'))
    await server.call('release')
    t.match(await server.call('rebalance'), { moved: clients.length / 2, stayed: 0 })
    for (const client of clients) t.ok(await echoes(client, 'here or there'))
  }),
)

t.test('row 28: who has begun to move when descriptors run out ends with 1006, once, and is counted', { skip }, (t) =>
  withHoard(t, {}, async (server) => {
    const clients = await leanTo(server)
    const before = await server.seen()
    await server.call('hoardInMoves', true)
    await server.call('rebalance')
    await server.call('hoardInMoves', false)
    const lost = clients.length / 2
    const { closes, stats, open, errors } = await server.until('their ends', (seen) => {
      return seen.closes.length >= before.closes.length + lost
    })
    t.same(
      closes.slice(before.closes.length).map(({ code }) => code),
      Array(lost).fill(1006),
    )
    t.equal(open, clients.length - lost)
    t.equal(stats.handoffs.failed, before.stats.handoffs.failed + lost)
    t.same(errors, Array(lost).fill('NOT_TRANSFERABLE'))
    await server.until('their sockets are closed', ({ stats }) => stats.connections === open)
    t.match(await server.call('rebalance'), { stayed: 0 }, 'the others can move')
  }),
)
