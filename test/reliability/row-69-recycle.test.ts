import t from 'tap'
import { WebSocket } from 'ws'
import type { WebSocketServer } from '../../src/index.ts'
import { ReadyState } from '../../src/shared/connection-table.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { Steady } from './steady.ts'

const SHARDS = 3
const MEMBERS = 12
const ROOM = 'everybody'
const EVERY_MS = 2
const MIB = 1024 ** 2

/** How many shards take connections, and how many there are, at every turn of the event loop until it is stopped. */
class Census {
  fewestAdopting = Number.POSITIVE_INFINITY
  most = 0
  looks = 0
  readonly #server: WebSocketServer
  #isOver = false

  constructor(server: WebSocketServer) {
    this.#server = server
    this.#look()
  }

  stop(): void {
    this.#isOver = true
  }

  #look(): void {
    if (this.#isOver) return
    const { shards } = this.#server.health()
    this.fewestAdopting = Math.min(this.fewestAdopting, shards.filter(({ state }) => state === 'adopting').length)
    this.most = Math.max(this.most, this.#server.stats().shards.length)
    this.looks++
    setImmediate(() => this.#look())
  }
}

/** A member of the room, and what it has got. */
async function join(engine: EngineUnderTest, number: number): Promise<{ readonly got: number[]; socket: WebSocket }> {
  const got: number[] = []
  const socket = new WebSocket(`ws://127.0.0.1:${engine.port}/${number}`)
  socket.on('message', (data) => got.push(Number(String(data))))
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return { got, socket }
}

t.test(
  'row 69: every shard is replaced, one after the other: no message is lost, nobody is closed or sent away',
  async (t) => {
    const engine = await EngineUnderTest.start(t, { shards: SHARDS })
    const { server, journal } = engine
    server.on('connection', (id) => server.join(id, ROOM))
    const members = await Promise.all(Array.from({ length: MEMBERS }, (_, number) => join(engine, number)))
    t.teardown(() => {
      for (const { socket } of members) socket.terminate()
    })
    await eventually('all are members', () => server.stats().memberships === MEMBERS)
    const former = server.stats().shards.map(({ shard }) => shard)

    let published = 0
    let refused = 0
    const publishing = setInterval(() => {
      if (!server.publish(ROOM, `${published++}`)) refused++
    }, EVERY_MS)
    await eventually('traffic', () => members.every(({ got }) => got.length > 5))
    let isReloading = true
    const newcomers = (async () => {
      const answers: (number | string)[] = []
      while (isReloading)
        answers.push((await join(engine, answers.length).then(({ socket }) => socket.close(), String)) ?? 101)
      return answers
    })()
    const census = new Census(server)
    const report = await server.reload()
    census.stop()
    isReloading = false
    const answers = await newcomers
    clearInterval(publishing)
    await eventually('the last message', () => members.every(({ got }) => got.at(-1) === published - 1))

    t.match(report, { closed: 0 })
    t.ok(report.moved >= MEMBERS)
    t.same(
      server.stats().shards.filter(({ shard }) => former.includes(shard)),
      [],
      'none of the former is left',
    )
    t.ok(
      census.fewestAdopting >= SHARDS - 1,
      `${census.fewestAdopting} took connections at the least, in ${census.looks} looks`,
    )
    t.ok(census.most <= SHARDS + 1, `${census.most} at the most: one at a time`)
    t.equal(refused, 0)
    for (const { got } of members)
      t.same(
        got,
        Array.from({ length: published }, (_, number) => number),
      )
    t.ok(answers.length > 0 && answers.every((answer) => answer === 101), `${answers.length} newcomers`)
    t.ok(members.every(({ socket }) => socket.readyState === WebSocket.OPEN))
    t.same(
      journal.closes.filter(({ code }) => code !== 1005),
      [],
      'but for newcomers, who closed',
    )
    t.equal(server.stats().shardDeaths, 0)
  },
)

t.test('row 69: who cannot move is told to come back, and holds nobody up', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: SHARDS, slowConsumer: 'buffer' })
  const { server, journal } = engine
  server.on('message', (id, message, isBinary) => server.send(id, message, isBinary))
  const { client, id, peer } = await engine.join()
  const steady = new Steady(await engine.join())
  client.pause()
  // What the kernel has not taken cannot go elsewhere.
  await eventually('its queue', () => {
    server.send(id, Buffer.alloc(MIB))
    return server.stats().queuedBytes > MIB
  })
  const reloaded = server.reload()
  await eventually('it is told', () => peer.readyState === ReadyState.CLOSING, 20_000)
  client.resume()
  t.same(await client.answerClose(), [1012, 'shard replaced'], 'behind all that was queued')
  t.match(await reloaded, { moved: 1, closed: 1 })
  t.equal(journal.closesOf(id).length, 1)
  t.same(journal.closes.length, 1)
  await steady.stop()
  t.ok(steady.echoed > 10)
})
