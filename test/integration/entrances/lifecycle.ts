import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { EngineUnderTest } from '../../fixtures/engine-under-test.ts'
import { connectTo, type EntranceUnderTest, exchange, reach } from '../../fixtures/entrances-under-test.ts'
import { moduleOf } from '../../fixtures/handlers/ways.ts'
import { eventually } from '../../fixtures/journal.ts'
import { descriptorsBackTo, openDescriptors } from '../../fixtures/process-resources.ts'

/** Whoever is given to a dying thread dies with it; from here on main knows. */
async function deathOf({ journal }: EngineUnderTest): Promise<void> {
  await journal.shardEvent('exited')
}

/** Shards that die, are replaced or added, and the server's own end. */
export function testLifecycle(t: Test, entrance: EntranceUnderTest): void {
  t.test(entrance.name, async (t) => {
    t.test('a shard dies: its clients see it, others do not, and newcomers are served', async (t) => {
      const placement = 'round-robin'
      const handler = moduleOf('mortal')
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 2, placement, handler })
      const clients = [await connectTo(engine, entrance), await connectTo(engine, entrance)]
      clients[0]?.socket.send('die')
      t.equal((await clients[0]?.closed)?.code, 1006)
      await deathOf(engine)
      clients[1]?.socket.send('room')
      t.equal(await clients[1]?.nextText(), 'true')
      for (let i = 0; i < 4; i++) {
        const client = await connectTo(engine, entrance)
        client.socket.send('room')
        t.equal(await client.nextText(), 'true')
      }
      t.equal(engine.server.stats().shardDeaths, 1)
      await eventually('main has heard of them', () => engine.server.getConnections().length === 5)
    })

    t.test('the only shard dies: newcomers wait for the next one', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 1, handler: moduleOf('mortal') })
      const client = await connectTo(engine, entrance)
      client.socket.send('die')
      await client.closed
      await deathOf(engine)
      const next = await connectTo(engine, entrance)
      next.socket.send('room')
      t.equal(await next.nextText(), 'true')
    })

    t.test('reload: what is TLS is told to come back, what is TCP moves', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 2, handler: moduleOf('moving') })
      const clients = await Promise.all([1, 2, 3].map(() => connectTo(engine, entrance)))
      for (const { socket } of clients) socket.send('hi')
      for (const client of clients) await client.nextText()
      const report = await engine.server.reload()
      if (entrance.isSecure) {
        t.match(report, { moved: 0, closed: 3 })
        for (const { closed } of clients) t.same(await closed, { code: 1012, reason: 'shard replaced' })
      } else {
        t.match(report, { moved: 3, closed: 0 })
        for (const { socket } of clients) socket.send('who')
        for (const client of clients) t.match(await client.nextJson(), { data: { seen: 2 }, moves: 1 })
      }
      const next = await connectTo(engine, entrance)
      next.socket.send('hello')
      t.equal(await next.nextText(), 'hello')
    })

    t.test('resize: more shards get newcomers, fewer serve everybody', async (t) => {
      const placement = 'round-robin'
      const handler = moduleOf('moving')
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 1, placement, handler })
      const shardsOf = async (count: number): Promise<number[]> => {
        const shards = new Set<number>()
        for (let i = 0; i < count; i++) {
          const client = await connectTo(engine, entrance)
          client.socket.send('who')
          shards.add(Number((await client.nextJson()).shard))
        }
        return [...shards].sort()
      }
      t.same(await shardsOf(2), [0])
      await engine.server.resize(3)
      t.same(await shardsOf(6), [0, 1, 2])
      await engine.server.resize(1)
      t.same(await shardsOf(3), [0])
    })

    t.test('listening twice, in vain, and again', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 1, handler: moduleOf('moving') })
      await t.rejects(engine.server.listen(0), { code: 'ALREADY_LISTENING' })
      t.equal(engine.server.address()?.port, engine.port)
      const other = new EngineUnderTest({ ...entrance.options, shards: 1, handler: moduleOf('moving') })
      t.teardown(() => other.stop())
      await t.rejects(other.server.listen(engine.port, '127.0.0.1'), { code: 'EADDRINUSE' })
      t.equal(other.server.address(), null)
      await other.listen()
      const client = await connectTo(other, entrance)
      client.socket.send('hello')
      t.equal(await client.nextText(), 'hello')
    })

    t.test('shutdown: 1001, nobody new, and nothing is left', async (t) => {
      const start = async (): Promise<void> => {
        const engine = new EngineUnderTest({ ...entrance.options, shards: 2, handler: moduleOf('moving') })
        await engine.listen()
        const clients = await Promise.all([1, 2, 3].map(() => connectTo(engine, entrance)))
        await eventually('main has heard of them', () => engine.server.getConnections().length === 3)
        const silent = connectTcp({ port: engine.port, host: '127.0.0.1' })
        await once(silent, 'connect')
        const partial = exchange(await reach(engine, entrance), 'GET / HTTP/1.1\r\n')
        const ended = exchange(silent)
        const report = engine.server.shutdown()
        for (const { closed } of clients) t.match(await closed, { code: 1001 })
        t.match(await report, { connections: 3, closed: 3, terminated: 0 })
        t.equal(await ended, '')
        t.equal(await partial, '')
        const late = new WebSocket(`ws://127.0.0.1:${engine.port}/`)
        const [error] = await once(late, 'error')
        t.match(error, { code: 'ECONNREFUSED' })
      }
      // What a process opens for the first shards stays open.
      await start()
      const before = openDescriptors().length
      await start()
      await descriptorsBackTo(before)
    })
  })
}
