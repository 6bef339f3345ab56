import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { connectTo, ENTRANCES, type EntranceUnderTest, reach } from '../fixtures/entrances-under-test.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'
import { eventually } from '../fixtures/journal.ts'
import type { MessageClient } from '../fixtures/message-client.ts'
import { upgradeRequest } from '../fixtures/raw-request.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'
import { type Order, THE_ACCEPTOR } from '../fixtures/shards/orders.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

class Accepted {
  readonly engine: EngineUnderTest
  readonly logger: RecordingLogger
  readonly #orders = new ShardOrders()

  static async start(t: Test, { options }: EntranceUnderTest): Promise<Accepted> {
    const logger = new RecordingLogger()
    const common = { shards: 1, handler: moduleOf('moving'), shardUrl: shardUrl('obedient'), logger, logLevel: 'info' }
    const accepted = new Accepted(await EngineUnderTest.start(t, { ...options, ...common } as never), logger)
    t.teardown(() => accepted.#orders.close())
    return accepted
  }

  private constructor(engine: EngineUnderTest, logger: RecordingLogger) {
    this.engine = engine
    this.logger = logger
  }

  get said(): string[] {
    return this.logger.records.map(({ message }) => message).filter((message) => message.startsWith('acceptor'))
  }

  get state(): string | null {
    return this.engine.server.health().acceptor
  }

  /** Resolves when main knows. */
  async kill(act: Order['act'] = 'exit'): Promise<void> {
    const { journal } = this.engine
    const before = journal.errors.length
    await this.#orders.give({ shard: THE_ACCEPTOR, act })
    await journal.until('its death', () => journal.errors[before])
  }

  async killAndAwaitNext(act?: Order['act']): Promise<void> {
    await this.kill(act)
    await eventually('the next one listens', () => this.state === 'listening')
  }
}

async function assertEcho(t: Test, client: MessageClient, text: string): Promise<void> {
  client.socket.send(text)
  t.equal(await client.nextText(), text)
}

for (const entrance of ENTRANCES.filter(({ options }) => options.accept === 'acceptor')) {
  t.test(entrance.name, async (t) => {
    for (const act of ['exit', 'throw'] as const) {
      t.test(`an acceptor that ends by ${act} is replaced on the same port, and connections go on`, async (t) => {
        const accepted = await Accepted.start(t, entrance)
        const { engine } = accepted
        const client = await connectTo(engine, entrance)
        // Whoever comes after has arrived after it.
        const midway = await reach(engine, entrance)
        const request = upgradeRequest()
        midway.write(request.subarray(0, 20))
        const other = await connectTo(engine, entrance)
        await accepted.killAndAwaitNext(act)
        t.equal(engine.server.address()?.port, engine.port)
        await assertEcho(t, client, 'still here')
        await assertEcho(t, other, 'here too')
        midway.write(request.subarray(20))
        const [answer] = await once(midway, 'data')
        t.match(String(answer), /^HTTP\/1\.1 101 /, 'what was on its way in the shard arrives')
        midway.destroy()
        await assertEcho(t, await connectTo(engine, entrance), 'new here')
        t.match(engine.server.health(), { status: 'healthy', live: true, ready: true })
        t.match(engine.server.stats(), { acceptorDeaths: 1, shardDeaths: 0 })
        t.match(engine.journal.errors, [{ id: null, error: { code: 'ACCEPTOR_FAILED' } }])
        t.same(accepted.said, ['acceptor exited', 'acceptor started'])
      })
    }

    t.test('the next acceptor knows the shards that are there by then, and hears of those to come', async (t) => {
      const accepted = await Accepted.start(t, entrance)
      const { engine } = accepted
      await engine.server.resize(2)
      await engine.server.resize(1)
      await engine.server.reload()
      await accepted.killAndAwaitNext()
      await assertEcho(t, await connectTo(engine, entrance), 'after the death')
      await engine.server.reload()
      await assertEcho(t, await connectTo(engine, entrance), 'after the reload')
      await accepted.killAndAwaitNext()
      await assertEcho(t, await connectTo(engine, entrance), 'after the second death')
      t.equal(engine.server.stats().acceptorDeaths, 2)
    })
  })
}

const PLAIN = ENTRANCES.find(({ name }) => name === 'acceptor, TCP') as EntranceUnderTest

t.test(
  'the fourth death within five seconds degrades: connections go on, nobody new, and a shutdown ends',
  async (t) => {
    const accepted = await Accepted.start(t, PLAIN)
    const { engine } = accepted
    const client = await connectTo(engine, PLAIN)
    for (let death = 0; death < 3; death++) await accepted.killAndAwaitNext()
    t.match(engine.server.health(), { status: 'healthy', acceptor: 'listening' })
    await accepted.kill()
    t.match(engine.server.health(), { status: 'degraded', acceptor: 'degraded', live: true, ready: false })
    t.equal(engine.server.stats().acceptorDeaths, 4)
    t.same(accepted.said.slice(-2), ['acceptor exited', 'acceptor degraded'])
    await assertEcho(t, client, 'still here')
    const [error] = await once(connect({ port: engine.port, host: '127.0.0.1' }), 'error')
    t.match(error, { code: 'ECONNREFUSED' })
    const report = await engine.server.shutdown()
    t.equal(report.terminated, 0)
    t.equal(engine.server.health().acceptor, null)
  },
)
