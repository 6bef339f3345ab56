import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { MessageChannel } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { createGiver } from '../../../src/shared/handoff/handoff.ts'
import { drainRead } from '../../../src/shared/handoff/reading.ts'
import {
  closed,
  descriptorsBack,
  join,
  listen,
  openDescriptors,
  received,
  supportedStrategies,
  TestShard,
} from '../../fixtures/handoff-host.ts'

const strategies = await supportedStrategies()
let baseline = 0

t.before(async () => {
  const shard = await TestShard.start('relay')
  const server = await listen((socket, head) => shard.give(socket, head, 'destroy'))
  await closed(join(server).resume())
  await stopServer(server)
  await shard.stop()
  baseline = openDescriptors()
})

/** Every connection of the server must have gone, or this never settles. */
async function stopServer(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve))
}

function joinMany(server: Server, count: number): Socket[] {
  return Array.from({ length: count }, () => join(server).resume())
}

/** A server that collects upgraded sockets until there are `count` of them. */
async function collect(count: number): Promise<{ server: Server; clients: Socket[]; sockets: Duplex[] }> {
  const sockets: Duplex[] = []
  let complete = (): void => {}
  const all = new Promise<void>((resolve) => (complete = resolve))
  const server = await listen((socket) => {
    if (sockets.push(socket) === count) complete()
  })
  const clients = joinMany(server, count)
  await all
  return { server, clients, sockets }
}

const NO_HEAD = Buffer.alloc(0)

for (const strategy of strategies) {
  t.test(strategy, async (t) => {
    const scenario = (name: string, run: (t: Test) => Promise<void>, options = {}): unknown =>
      t.test(name, options, async (t) => {
        await run(t)
        t.equal(await descriptorsBack(baseline), baseline, 'no descriptor is left')
      })

    scenario('dead before the give', async (t) => {
      const shard = await TestShard.start(strategy)
      const { server, clients, sockets } = await collect(20)
      await shard.kill()
      for (const socket of sockets) shard.give(socket, NO_HEAD, 'echo')
      await Promise.all(clients.map(closed))
      await stopServer(server)
      await shard.stop()
      t.equal(shard.count('adopted'), 0)
    })

    scenario(
      'killed while sockets are on their way',
      async (t) => {
        const shard = await TestShard.start(strategy)
        const { server, clients, sockets } = await collect(1000)
        shard.tell({ op: 'block' })
        for (const socket of sockets) shard.give(socket, NO_HEAD, 'echo')
        await shard.kill()
        shard.giver.close()
        await Promise.all(clients.map(closed))
        await stopServer(server)
        await shard.stop()
        t.equal(shard.count('adopted'), 0)
      },
      { skip: strategy === 'local' },
    )

    scenario('killed while sockets are being given', async (t) => {
      const shard = await TestShard.start(strategy)
      const { server, clients, sockets } = await collect(200)
      let dead: Promise<void> | undefined
      for (const [index, socket] of sockets.entries()) {
        if (index === 50) dead = shard.kill()
        shard.give(socket, NO_HEAD, 'echo')
        await new Promise(setImmediate)
      }
      await dead
      shard.giver.close()
      if (strategy === 'local') for (const client of clients) client.end()
      await Promise.all(clients.map(closed))
      await stopServer(server)
      await shard.stop()
      t.ok(shard.count('adopted') < 200)
    })

    scenario(
      'killed with open connections',
      async () => {
        const shard = await TestShard.start(strategy)
        const server = await listen((socket, head) => shard.give(socket, head, 'echo'))
        const clients = joinMany(server, 50)
        await shard.until(() => shard.count('adopted') === 50)
        await shard.kill()
        await Promise.all(clients.map(closed))
        await stopServer(server)
        await shard.stop()
      },
      { skip: strategy === 'local' },
    )

    scenario('closed before the shard took anything', async (t) => {
      const { giver } = await createGiver(strategy)
      const { port1, port2 } = new MessageChannel()
      const { server, clients, sockets } = await collect(10)
      for (const socket of sockets) giver.give(socket, (ticket, transfer) => port1.postMessage(ticket, transfer))
      giver.close()
      port2.close()
      await Promise.all(clients.map(closed))
      await stopServer(server)
      t.throws(() => giver.give(sockets[0] as Duplex, () => {}), { code: 'NOT_TRANSFERABLE' })
    })

    scenario('twenty lives of a shard', async (t) => {
      for (let life = 0; life < 20; life++) {
        const shard = await TestShard.start(strategy)
        const server = await listen((socket, head) => shard.give(socket, head, 'echo'))
        const answers = await Promise.all(joinMany(server, 3).map((client) => received(client.end('hello'))))
        t.same(answers, ['hello', 'hello', 'hello'])
        await stopServer(server)
        await shard.stop()
      }
    })

    scenario(
      'a socket with writes pending stays, and can be given once they are done',
      async (t) => {
        const shard = await TestShard.start(strategy)
        const { server, clients, sockets } = await collect(1)
        const [client] = clients as [Socket]
        const [socket] = sockets as [Duplex]
        client.pause()
        socket.write(Buffer.alloc(16 * 1024 * 1024))
        t.throws(() => shard.give(socket, NO_HEAD, 'echo'), { code: 'NOT_TRANSFERABLE' })
        t.equal(socket.destroyed, false)
        client.resume()
        await once(socket, 'drain')
        shard.give(socket, drainRead(socket, NO_HEAD), 'echo')
        client.end()
        await closed(client)
        await shard.stop()
        await stopServer(server)
      },
      { skip: strategy === 'relay' },
    )
  })
}
