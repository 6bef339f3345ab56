/** What the application knows of a connection goes along when it moves: on main, in its handler, in rooms. */
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { type EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { onEachStrategy, startMoving, Traffic } from '../fixtures/moves/traffic.ts'

/** Everybody moves at least once, to and fro. */
async function moveAbout({ server }: EngineUnderTest): Promise<void> {
  await server.reload()
  await server.resize(1)
  await server.resize(2)
}

t.test('data, metadata, user, free properties, the handler’s own notes and state', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const verifyClient = ({ url = '' }: IncomingMessage) => ({ user: { name: url.slice(url.indexOf('=') + 1) } })
    const engine = await startMoving(t, { handoff, verifyClient, protocols: ['chat'] })
    const { server } = engine
    server.state.set('before', [1])
    const traffic = await Traffic.start(engine, { clients: 4 })
    for (const { client, id } of traffic.travellers) {
      for (const text of ['keep metadata', 'keep nick', `note of ${id}`]) client.say(text)
    }
    const moving = moveAbout(engine)
    server.state.set('meanwhile', 2)
    await moving
    t.same(await traffic.stop(), [])
    for (const [index, { client, id, peer }] of traffic.travellers.entries()) {
      const { said } = client
      const user = { name: `${index}` }
      t.match(JSON.parse(await client.ask('who')), {
        data: { seen: said + 1, user },
        ...{ user, metadata: { role: 'guest' }, nick: 'Bob', note: `of ${id}`, rooms: ['everybody'], protocol: '' },
        ...{ moves: peer.moves, shard: peer.shard, path: '/', state: { before: [1], meanwhile: 2 } },
      })
      t.ok(peer.moves > 0)
    }
  }),
)

t.test('what cannot be cloned stays where it is; a reload closes it with 1012, and nobody else', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startMoving(t, { handoff, placement: () => 0 })
    const { server, journal } = engine
    const [free, bound] = [await engine.join(), await engine.join()]
    sendText(bound.client, 'keep function')
    sendText(free.client, 'keep function')
    for (const { client } of [bound, free]) {
      sendText(client, 'kept')
      t.equal(await nextText(client), 'kept')
    }
    t.match(await server.rebalance(), { moved: 0, stayed: 1, closed: 0 })
    t.match(journal.errors, [{ error: { code: 'ARGUMENT_INVALID', message: /what the socket holds/ } }])
    const third = await engine.join()
    const reloaded = server.reload()
    for (const { client } of [bound, free]) t.same(await client.answerClose(), [1012, 'shard replaced'])
    t.match(await reloaded, { moved: 1, closed: 2 })
    sendText(third.client, 'still here')
    t.equal(await nextText(third.client), 'still here')
  }),
)

t.test('rooms: everybody is in theirs, main knows, and what is published meanwhile arrives once', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startMoving(t, { handoff })
    const { server } = engine
    const traffic = await Traffic.start(engine, { clients: 8 })
    const parity = (index: number): string => (index % 2 === 0 ? 'even' : 'odd')
    for (const [index, { id }] of traffic.travellers.entries()) t.ok(server.join(id, parity(index)))
    let published = 0
    const timer = setInterval(() => {
      for (const room of ['even', 'odd']) server.publish(room, `${room}:${published}`)
      published++
      const at = published % traffic.travellers.length
      server.join(traffic.travellers[at]?.id ?? '', `of ${at}`)
    }, 5)
    await moveAbout(engine)
    clearInterval(timer)
    t.same(await traffic.stop(), [])
    const ids = traffic.travellers.map(({ id }) => id)
    const members = async (room: string): Promise<string[]> => (await server.rooms.members(room)).toSorted()
    t.same(await members('everybody'), ids.toSorted())
    for (const room of ['even', 'odd']) {
      t.same(await members(room), ids.filter((_, index) => parity(index) === room).toSorted())
    }
    for (const [index, { client, peer }] of traffic.travellers.entries()) {
      t.equal(client.heard(parity(index)), published)
      const rooms = ['everybody', `of ${index}`, parity(index)].toSorted()
      t.same([...peer.rooms].toSorted(), rooms)
      t.same(JSON.parse(await client.ask('who')).rooms.toSorted(), rooms)
    }
    for (const client of traffic.clients.slice(0, 4)) client.end()
    await eventually('four have left', () => server.rooms.size('everybody') === 4)
    t.same(await members('everybody'), ids.slice(4).toSorted())
    t.match(server.stats(), { rooms: 7, memberships: 12 })
  }),
)

t.test('post: main hears everything that handlers hand over, once and in order', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startMoving(t, { handoff })
    const traffic = await Traffic.start(engine, { clients: 6 })
    let posts = 0
    const timer = setInterval(() => {
      for (const client of traffic.clients) client.say(`post ${posts}`)
      posts++
    }, 3)
    await moveAbout(engine)
    clearInterval(timer)
    t.same(await traffic.stop(), [])
    const numbers = Array.from({ length: posts }, (_, number) => number)
    for (const { id } of traffic.travellers) {
      const heard = (engine.journal.posts as [string, number][]).filter(([of]) => of === id).map(([, number]) => number)
      t.same(heard, numbers)
    }
  }),
)

t.test('listeners of sockets on main hear everything once, wherever the connection has moved', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startMoving(t, { handoff, place: 'main' })
    const traffic = await Traffic.start(engine, { clients: 4 })
    const heard = traffic.travellers.map(({ client, peer }) => {
      const counts = { before: client.said, messages: 0, pongs: [] as string[], closes: [] as number[] }
      peer.on('message', () => counts.messages++)
      peer.on('pong', (payload) => counts.pongs.push(String(payload)))
      peer.on('close', (code) => counts.closes.push(code))
      peer.ping('before')
      return counts
    })
    await engine.server.reload()
    for (const { peer } of traffic.travellers) peer.ping('between')
    await engine.server.resize(1)
    for (const { peer } of traffic.travellers) peer.ping('after')
    t.same(await traffic.stop(), [])
    for (const client of traffic.clients) client.close(4000)
    await eventually('all have closed', () => engine.journal.closes.length === 4)
    for (const [index, { client }] of traffic.travellers.entries()) {
      const counts = heard[index]
      t.equal(counts?.messages, client.said - (counts?.before ?? 0))
      t.same(counts?.pongs, ['before', 'between', 'after'])
      t.same(counts?.closes, [4000])
    }
  }),
)

t.test('shardBy: those of one key are together, and where newcomers of that key go', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const keyOf = (index: number): string => `key ${index % 5}`
    const shardBy = ({ query }: { query: Record<string, string> }) => keyOf(Number(query.traveller))
    const engine = await startMoving(t, { handoff, shardBy })
    const { server } = engine
    const traffic = await Traffic.start(engine, { clients: 10 })
    let newcomers = 10
    const judge = async (what: string): Promise<void> => {
      for (const [index, { peer }] of traffic.travellers.entries()) {
        const fellow = traffic.travellers[(index + 5) % 10]
        t.equal(peer.shard, fellow?.peer.shard, `${what}: of one key`)
      }
      for (let at = 0; at < 5; at++, newcomers++) {
        const { peer } = await engine.join({ path: `/?traveller=${newcomers}` })
        t.equal(peer.shard, traffic.travellers[at]?.peer.shard, `${what}: a newcomer`)
      }
    }
    await judge('at first')
    await server.reload()
    await judge('after a reload')
    for (const shards of [3, 2]) {
      t.match(await server.resize(shards), { stayed: 0, closed: 0 })
      await judge(`with ${shards} shards`)
    }
    t.match(await server.rebalance(), { moved: 0, stayed: 0 })
    t.same(await traffic.stop(), [])
  }),
)
