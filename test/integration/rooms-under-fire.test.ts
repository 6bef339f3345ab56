/**
 * Joins, leaves and publishes at random, on behalf of clients and by main itself, while clients come and go and shards
 * die. ROOMS_FIRE_MS says for how long (default 4000), ROOMS_FIRE_SEED with what seed (default: one that is printed).
 */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { NumberClient } from '../fixtures/number-client.ts'
import { RoomLedger } from '../fixtures/room-ledger.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'
import { Random } from '../fuzz/random.ts'

const CLIENTS = 300
const SHARDS = 3
const NAMES = [...Array.from({ length: 38 }, (_, at) => `room ${at}`), '__proto__', 'constructor']
const DURATION_MS = Number(process.env.ROOMS_FIRE_MS ?? 4000)
const SEED = process.env.ROOMS_FIRE_SEED ?? randomUUID()
/** In one round, by clients and by main itself. */
const CLIENT_ACTS = 20
const OWN_ACTS = 5
const ROUND_MS = 5
const KILL_EVERY_MS = Math.max(1500, DURATION_MS / 8)

t.test('row 35: RO18: rooms under fire', { timeout: DURATION_MS + 90_000 }, async (t) => {
  t.comment(`ROOMS_FIRE_SEED=${SEED}`)
  const random = new Random(SEED)
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  // Nobody here is slow but the machine.
  const maxBackpressure = 64 * 1024 * 1024
  const engine = await EngineUnderTest.start(t, { shards: SHARDS, shardUrl: shardUrl('obedient'), maxBackpressure })
  engine.journal.forgetMessages()
  engine.server.setMaxListeners(0)
  const ledger = new RoomLedger(engine.server, NAMES)
  engine.server.on('message', (id, message) => ledger.act(id, String(message)))
  const crowd = new Crowd(engine)
  await crowd.fill(CLIENTS)

  const startMs = performance.now()
  let kills = 0
  for (let atMs = 0; atMs < DURATION_MS; atMs = performance.now() - startMs) {
    for (let act = 0; act < CLIENT_ACTS; act++) random.pick(crowd.present).send(randomAct(random))
    for (let act = 0; act < OWN_ACTS; act++) ledger.act(random.pick(crowd.present).id, randomAct(random))
    if (random.oneIn(8)) crowd.dismiss(random.pick(crowd.present), random.oneIn(2))
    if (atMs > (kills + 0.5) * KILL_EVERY_MS) {
      await orders.give({ shard: kills % SHARDS, act: kills % 2 === 0 ? 'throw' : 'exit' })
      kills++
    }
    await new Promise((resolve) => setTimeout(resolve, ROUND_MS))
    await crowd.fill(CLIENTS)
  }

  await eventually('every death is noticed', () => engine.server.stats().shardDeaths === kills)
  await eventually('who left has left', () =>
    crowd.gone.every(({ id }) => engine.server.getConnection(id) === undefined),
  )
  crowd.sort()
  await Promise.all(crowd.present.map((client) => client.fence(engine.server)))
  t.comment(`${ledger.describe()}; ${crowd.gone.length} clients left, ${kills} shards died`)

  t.ok(kills > 0 && ledger.publishes > 100, 'enough has happened')
  t.same(
    crowd.present.flatMap(({ id, received }) => ledger.faultsOf(id, received, true)),
    [],
    'who stayed has got exactly what was published to its rooms, in order',
  )
  t.same(
    crowd.gone.flatMap(({ id, received }) => ledger.faultsOf(id, received, false)),
    [],
    'who left has got the same up to its end',
  )
  t.same(await ledger.directoryFaults(), [], 'the directory is exact')
  t.same(ledger.eventFaults, [], 'a leave for every join, each once')
  t.match(engine.server.stats(), { dropped: { link: 0, backpressure: 0, slowConsumer: 0 }, errors: { handler: 0 } })

  for (const client of [...crowd.present]) crowd.dismiss(client, true)
  await eventually('all are gone', () => engine.server.getConnections().length === 0)
  t.same([engine.server.rooms.count, engine.server.stats().memberships, ledger.memberships], [0, 0, 0])
  t.same(Object.keys(await engine.server.rooms.list()), [])
})

/** What somebody asks of main: see `RoomLedger.act`. */
function randomAct(random: Random): string {
  const room = random.below(NAMES.length)
  return random.weighted([
    [35, `join ${room}`],
    [25, `leave ${room}`],
    [8, `publish ${room}`],
    [4, `except ${room}`],
    [1, `long ${room}`],
    [4, 'send'],
  ])
}

/** The clients that are there, and those that were. */
class Crowd {
  present: NumberClient[] = []
  readonly gone: NumberClient[] = []
  readonly #engine: EngineUnderTest
  #opened = 0

  constructor(engine: EngineUnderTest) {
    this.#engine = engine
  }

  /** As many as that, after those that have ended were sorted out. */
  async fill(count: number): Promise<void> {
    this.sort()
    await Promise.all(Array.from({ length: count - this.present.length }, () => this.#open()))
  }

  dismiss(client: NumberClient, isAbrupt: boolean): void {
    client.end(isAbrupt)
    this.sort()
  }

  sort(): void {
    this.gone.push(...this.present.filter(({ isOpen }) => !isOpen))
    this.present = this.present.filter(({ isOpen }) => isOpen)
  }

  async #open(): Promise<void> {
    const { port, server } = this.#engine
    const client = await NumberClient.open(server, `ws://127.0.0.1:${port}`, `/?client=${++this.#opened}`)
    // A shard may die with a connection that it was just given.
    if (client === null) await this.#open()
    else this.present.push(client)
  }
}
