import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { ChaosProxy, FAIR, type Weather } from '../fixtures/chaos-proxy.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { EchoClient, type Padding } from '../fixtures/moves/echo-client.ts'
import { Random } from '../fuzz/random.ts'

/** 1 Mbit/s, a round trip of 300 ms, and one segment in twenty has to be sent again. */
const POOR: Weather = { ...FAIR, delayMs: 150, bytesPerSecond: 125_000, loss: 0.05, lossMs: 40 }
/** Far shorter than the defaults, and still longer than the round trip. */
const LIVENESS_MS = 1500
const PINGS = { pingIntervalMs: 300, livenessMs: LIVENESS_MS }
const CLIENTS = 6
const EVERY_MS = 20
const BULK_BYTES = 100_000
const BULK_PIECE = 1000

async function start(t: Test, weather: Weather, padding?: Padding) {
  const engine = await EngineUnderTest.start(t, { shards: 2, ...PINGS })
  const { server, journal } = engine
  journal.forgetMessages()
  server.on('message', (id, message, isBinary) => server.send(id, message, isBinary))
  const proxy = await ChaosProxy.open(engine.port, new Random(t.name), weather)
  const clients: EchoClient[] = []
  t.teardown(async () => {
    for (const client of clients) client.end()
    await proxy.close()
  })
  const opening = Array.from({ length: CLIENTS }, () => EchoClient.open(`ws://127.0.0.1:${proxy.port}`, {}, padding))
  clients.push(...(await Promise.all(opening)))
  return { server, journal, proxy, clients }
}

/** All of them talk until it is called, which returns what went wrong once everything has come back. */
function talk(clients: readonly EchoClient[]): () => Promise<string[]> {
  const timer = setInterval(() => {
    for (const client of clients) client.send()
  }, EVERY_MS)
  return () => {
    clearInterval(timer)
    return settled(clients)
  }
}

async function settled(clients: readonly EchoClient[]): Promise<string[]> {
  await Promise.all(clients.map((client) => client.settle(new Map())))
  return clients.flatMap(({ closed, faults }) => [...faults, ...(closed === null ? [] : [closed])])
}

function deaf(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

t.test('row 81: 5 % loss, 1 Mbit/s and 300 ms: everything arrives, and nobody is taken for dead', async (t) => {
  const { server, journal, proxy, clients } = await start(t, POOR)
  const stop = talk(clients)
  await eventually('segments have been lost', () => proxy.losses > 20, 20_000)
  t.same(await stop(), [])
  // With nothing but pings for longer than a dead peer would be given.
  await deaf(1.2 * LIVENESS_MS)
  t.same(journal.closes, [])
  t.match(server.stats(), { timeouts: { liveness: 0 }, failures: { total: 0 }, dropped: { link: 0, backpressure: 0 } })
})

t.test('row 81: a link of 1 Mbit/s is used as well as TCP alone uses it', async (t) => {
  const { proxy, clients } = await start(t, POOR, () => 'x'.repeat(BULK_PIECE))
  const plain = createServer((socket) => void socket.on('error', () => {}).pipe(socket))
  await once(plain.listen(0, '127.0.0.1'), 'listening')
  const beside = await ChaosProxy.open((plain.address() as AddressInfo).port, new Random(t.name), proxy.weather)
  const socket = connect(beside.port, '127.0.0.1').on('error', () => {})
  t.teardown(async () => {
    await beside.close()
    plain.close()
  })
  const startMs = performance.now()
  const [ours, theirs] = await Promise.all([echoBulk(clients[0] as EchoClient, startMs), pipeBulk(socket, startMs)])
  t.ok(
    ours < theirs * 1.2,
    `${BULK_BYTES} bytes there and back in ${Math.round(ours)} ms, TCP alone ${Math.round(theirs)}`,
  )
})

async function echoBulk(client: EchoClient, startMs: number): Promise<number> {
  for (let each = 0; each < BULK_BYTES; each += BULK_PIECE) client.send()
  await eventually('all of it is back', () => client.received === client.sent)
  return performance.now() - startMs
}

async function pipeBulk(socket: ReturnType<typeof connect>, startMs: number): Promise<number> {
  socket.write(Buffer.alloc(BULK_BYTES))
  for (let received = 0; received < BULK_BYTES; ) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    received += chunk.length
  }
  return performance.now() - startMs
}

t.test('row 81: a link that stands still is waited for, for as long as livenessMs says', async (t) => {
  const { server, journal, proxy, clients } = await start(t, FAIR)
  const stop = talk(clients)
  for (let stall = 0; stall < 3; stall++) {
    proxy.stall(LIVENESS_MS / 2)
    await deaf(LIVENESS_MS / 2)
    const { received = 0 } = clients[0] ?? {}
    await eventually('it goes on', () => (clients[0]?.received ?? 0) > received)
  }
  t.same(await stop(), [])
  t.same(journal.closes, [])
  proxy.stall(20 * LIVENESS_MS)
  await eventually('all are given up', () => server.getConnections().length === 0, 20_000)
  t.equal(server.stats().timeouts.liveness, CLIENTS)
  t.same(new Set(journal.closes.map(({ code }) => code)), new Set([1006]))
})

t.test('row 81: byte by byte, and links that break', async (t) => {
  const { server, journal, proxy, clients } = await start(t, { ...FAIR, pieceBytes: 1 })
  for (let each = 0; each < 20; each++) for (const client of clients) client.send()
  t.same(await settled(clients), [])
  proxy.reset(2)
  await eventually('two are gone', () => server.getConnections().length === CLIENTS - 2)
  proxy.halfClose(2)
  await eventually('two more', () => server.getConnections().length === CLIENTS - 4)
  const codes = journal.closes.map(({ code }) => code)
  t.same(codes, [1006, 1006, 1006, 1006])
  await eventually('they know', () => clients.filter(({ closed }) => closed !== null).length === codes.length)
  const left = clients.filter(({ closed }) => closed === null)
  for (const client of left) client.send()
  t.same(await settled(left), [])
})
