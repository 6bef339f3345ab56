import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { bestStrategy } from '../../../src/shared/handoff/probe.ts'
import type { StrategyName } from '../../../src/shared/ticket.ts'
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
import { FLOOD_BYTES } from '../../fixtures/handoff-shard.ts'

async function stopServer(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve))
}

/** `text` in pieces of 1 to 400 bytes that are the same in every run. */
function* pieces(text: string): Generator<string> {
  let state = 42
  for (let start = 0; start < text.length; ) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    const end = start + 1 + (state % 400)
    yield text.slice(start, end)
    start = end
  }
}

function connections(server: Server): Promise<number> {
  return new Promise((resolve, reject) => server.getConnections((e, count) => (e ? reject(e) : resolve(count))))
}

const strategies = await supportedStrategies()
const baseline = { descriptors: 0 }

// Threads and loops keep a few descriptors from their first use on.
t.before(async () => {
  const shard = await TestShard.start('relay')
  const server = await listen((socket, head) => shard.give(socket, head, 'destroy'))
  await closed(join(server).resume())
  await stopServer(server)
  await shard.stop()
  baseline.descriptors = openDescriptors()
})

interface Case {
  readonly strategy: StrategyName
  readonly secure: boolean
}

const cases: Case[] = strategies.map((strategy) => ({ strategy, secure: false }))
cases.push({ strategy: await bestStrategy(), secure: true }, { strategy: 'local', secure: true })

for (const { strategy, secure } of cases) {
  // These sockets leave the thread that accepted them.
  const leaves = !secure && strategy !== 'relay'

  t.test(secure ? `${strategy}, TLS` : strategy, async (t) => {
    const scenario = (name: string, run: (t: Test) => Promise<void>, options = {}): unknown =>
      t.test(name, options, async (t) => {
        await run(t)
        t.equal(await descriptorsBack(baseline.descriptors), baseline.descriptors, 'no descriptor is left')
      })

    scenario('bytes sent before, during and after the give arrive complete and in order', async (t) => {
      const shard = await TestShard.start(strategy)
      let go = (): void => {}
      const gone = new Promise<void>((resolve) => (go = resolve))
      const server = await listen((socket, head) => {
        void gone.then(() => shard.give(socket, head, 'echo'))
      }, secure)
      const lines = Array.from({ length: 1000 }, (_, i) => `line ${i}\n`).join('')
      const [first = '', ...rest] = pieces(lines)
      const client = join(server, first)
      const answer = received(client)
      for (const [index, piece] of rest.entries()) {
        await new Promise<unknown>((resolve) => client.write(piece, resolve))
        if (index === 10) go()
      }
      client.end()
      t.equal(await answer, lines)
      await shard.stop()
      await stopServer(server)
    })

    scenario('600 sockets at speed', async (t) => {
      const shard = await TestShard.start(strategy)
      const server = await listen((socket, head) => shard.give(socket, head, 'echo'), secure)
      const clients = Array.from({ length: 600 }, (_, i) => join(server, `hello ${i}`))
      const answers = await Promise.all(clients.map((client) => received(client.end())))
      t.same(
        answers,
        Array.from(clients, (_, i) => `hello ${i}`),
      )
      t.equal(shard.count('lost'), 0)
      await shard.stop()
      await stopServer(server)
    })

    scenario(
      'the http server forgets sockets it gave away',
      async (t) => {
        const shard = await TestShard.start(strategy)
        const server = await listen((socket, head) => shard.give(socket, head, 'echo'), secure)
        const clients = Array.from({ length: 100 }, () => join(server).resume())
        await shard.until(() => shard.count('adopted') === 100)
        t.equal(await connections(server), 0)
        await stopServer(server)
        t.equal(clients.filter((client) => client.closed).length, 0, 'while all of them live')
        for (const client of clients) client.end()
        await Promise.all(clients.map(closed))
        await shard.stop()
      },
      { skip: !leaves },
    )

    scenario('a paused socket does not read', async (t) => {
      const shard = await TestShard.start(strategy)
      const server = await listen((socket, head) => shard.give(socket, head, 'pause'), secure)
      const client = join(server)
      const answer = received(client)
      await shard.until(() => shard.count('adopted') === 1)
      client.end('x'.repeat(3_000_000))
      // Nothing tells when nothing has happened.
      await sleep(100)
      t.equal(shard.bytesRead(), 0)
      shard.tell({ op: 'resume' })
      t.equal((await answer).length, 3_000_000)
      await shard.stop()
      await stopServer(server)
    })

    scenario('8 MiB to a slow reader arrive before the end', async (t) => {
      const shard = await TestShard.start(strategy)
      const server = await listen((socket, head) => shard.give(socket, head, 'flood'), secure)
      const client = join(server)
      let bytes = 0
      for await (const part of client) {
        bytes += part.length
        if (part.length > 1000) await sleep(1)
      }
      t.equal(bytes, FLOOD_BYTES + 36)
      client.end()
      await closed(client)
      await shard.stop()
      await stopServer(server)
    })

    scenario('half-close by the shard, then by the client', async (t) => {
      const shard = await TestShard.start(strategy)
      const server = await listen((socket, head) => shard.give(socket, head, 'end'), secure)
      const client = join(server, '', true)
      t.equal(await received(client), 'bye')
      client.end('still heard')
      await shard.until(() => shard.count('event', 'close') === 1)
      t.equal(shard.bytesRead(), 'still heard'.length)
      t.match(shard.reports[1], { is: 'adopted', allowHalfOpen: true })
      t.equal(shard.count('event', 'end'), 1)
      t.equal(shard.count('event', 'finish'), 1)
      await shard.stop()
      await stopServer(server)
    })

    scenario(
      "a reset by the client is one 'close'",
      async (t) => {
        const shard = await TestShard.start(strategy)
        const server = await listen((socket, head) => shard.give(socket, head, 'echo'), secure)
        const clients = Array.from({ length: 20 }, () => join(server).resume())
        await shard.until(() => shard.count('adopted') === 20)
        for (const client of clients) client.resetAndDestroy()
        await shard.until(() => shard.count('event', 'close') >= 20)
        await shard.stop()
        await stopServer(server)
        t.equal(shard.count('event', 'close'), 20)
        t.equal(shard.count('event', 'error'), 20)
      },
      { skip: secure },
    )

    scenario('the shard destroys its socket', async (t) => {
      const shard = await TestShard.start(strategy)
      const server = await listen((socket, head) => shard.give(socket, head, 'destroy'), secure)
      t.equal(await received(join(server)), '')
      await shard.stop()
      await stopServer(server)
    })

    scenario('what cannot be given is refused and left alone', async (t) => {
      const shard = await TestShard.start(strategy)
      const codes: string[] = []
      const attempt = (socket: Duplex): void => {
        try {
          shard.give(socket, Buffer.alloc(0), 'echo')
        } catch (error) {
          codes.push((error as { code: string }).code)
        }
      }
      const server = await listen((socket) => {
        socket.destroy()
        attempt(socket)
      }, secure)
      await closed(join(server).resume())
      t.same(codes, ['NOT_TRANSFERABLE'])
      await shard.stop()
      await stopServer(server)
    })
  })
}
