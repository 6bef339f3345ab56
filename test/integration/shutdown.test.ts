import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type ShutdownOptions, WebSocketServer } from '../../src/index.ts'
import { OWN_CONFIGURATIONS, RELAY_CONFIGURATION } from '../fixtures/configurations.ts'
import { deferred } from '../fixtures/deferred.ts'
import { EngineUnderTest, type Joined, nextText, nextTexts } from '../fixtures/engine-under-test.ts'
import { eventually, Journal } from '../fixtures/journal.ts'
import { descriptorsBackTo, openDescriptors, threadCount } from '../fixtures/process-resources.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { runServerProcess, type ServerLife } from '../fixtures/server-process.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

const CYCLES = 10
/** What the engine gives its shards to end, beyond the deadline of the connections. */
const STOP_MS = 2000
/** How much later than that a busy machine may be. */
const LATE_MS = 2000

async function assertEchoes(t: Test, engine: EngineUnderTest, { client, id }: Joined): Promise<void> {
  t.equal(engine.server.send(id, 'still here'), true)
  t.equal(await nextText(client), 'still here')
}

/** What would keep the process alive, by name. */
function activeResources(): string[] {
  return process.getActiveResourcesInfo().sort()
}

interface Resources {
  readonly threads: number
  readonly descriptors: number
  readonly active: readonly string[]
}

/** By the number of shards. Measured once: what a test leaves behind, the next ones find, too. */
const baselines = new Map<number, Promise<Resources>>()

function resourcesWithout(shards: number): Promise<Resources> {
  const measured = baselines.get(shards) ?? measureWithout(shards)
  baselines.set(shards, measured)
  return measured
}

/** With no server running, and after one has: what a process makes only once is there. */
async function measureWithout(shards: number): Promise<Resources> {
  for (let life = 0; life < 2; life++) {
    const engine = await EngineUnderTest.listening({ shards })
    await engine.joinMany(Math.max(1, shards))
    await engine.stop()
  }
  await eventually('the links are closed', () => !activeResources().includes('MessagePort'))
  return { threads: threadCount(), descriptors: openDescriptors().length, active: activeResources() }
}

/** `all` but for one occurrence of each of `some`. */
function without(all: readonly string[], some: readonly string[]): string[] {
  const rest = [...some]
  return all.filter((each) => {
    const index = rest.indexOf(each)
    if (index !== -1) rest.splice(index, 1)
    return index === -1
  })
}

/** Threads and sockets take a moment to be gone after they have ended. */
async function assertBackTo(t: Test, before: Resources): Promise<void> {
  const added = (): string[] => without(activeResources(), before.active)
  const isBack = (): boolean => threadCount() <= before.threads && added().length === 0
  await eventually('threads and resources are gone', isBack, 5000).catch(() => {})
  t.same(added(), [], 'nothing is left that keeps the process alive')
  t.ok(threadCount() <= before.threads, 'no thread is left')
  await descriptorsBackTo(before.descriptors)
}

async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const refused = await once(socket, 'connect').then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
  )
  socket.destroy()
  return refused
}

for (const { name, options } of [...OWN_CONFIGURATIONS, RELAY_CONFIGURATION]) {
  t.test(`row 71: ${name}: the process ends by itself`, async (t) => {
    const lives = ['unused', 'starting', 'listening', 'attached'] as const
    const ends = await Promise.all(
      lives.map((life) => runServerProcess({ life, options: options as ServerLife['options'] })),
    )
    const served = JSON.stringify({ closed: 1, terminated: 1 })
    for (const [index, output] of ['', '', served, served].entries()) {
      t.same(ends[index], { code: 0, signal: null, output }, lives[index] ?? '')
    }
  })

  t.test(`${name}: open connections get 1001, and are waited for`, async (t) => {
    const engine = await EngineUnderTest.start(t, options)
    const joined = await engine.joinMany(6)
    const texts = Array.from({ length: 20 }, (_, i) => `${i}`)
    for (const { id } of joined) for (const text of texts) engine.server.send(id, text)
    const down = engine.server.shutdown()
    const [slowest, ...others] = joined
    if (slowest === undefined) throw new Error('unreachable')
    for (const { client } of others) {
      t.same(await nextTexts(client, texts.length), texts, 'what was sent before arrives before')
      t.same(await client.answerClose(), [1001, 'server shutting down'])
      t.match(await client.waitClosed(), { how: 'fin', framesAfterClose: 0 })
    }
    await engine.journal.until('all but one', () => engine.journal.closes.length === others.length || undefined)
    t.same(engine.server.getConnections(), [slowest.id])
    t.equal(engine.server.send(slowest.id, 'too late'), false)
    await slowest.client.answerClose()
    const report = await down
    t.match(report, { closed: joined.length, terminated: 0 })
    t.ok(report.elapsedMs < 9000, 'long before its deadline')
    t.same(
      engine.journal.closes.map(({ code }) => code),
      joined.map(() => 1001),
    )
    t.match(engine.server.stats(), { connections: 0, queuedBytes: 0, totalConnections: 6, shardDeaths: 0 })
    t.same(engine.journal.errors, [])
  })

  t.test(`${name}: who does not answer is terminated at the deadline`, async (t) => {
    const engine = await EngineUnderTest.start(t, options)
    const joined = await engine.joinMany(5)
    const [deaf, blocked, ...polite] = joined
    if (deaf === undefined || blocked === undefined) throw new Error('unreachable')
    blocked.client.pause()
    blocked.peer.send(Buffer.alloc(16 * 1024 * 1024))
    for (const { client } of polite) void client.answerClose()
    const report = await engine.server.shutdown({ code: 4321, reason: 'enough', deadlineMs: 300 })
    t.match(report, { closed: 3, terminated: 2 })
    t.ok(report.elapsedMs >= 299 && report.elapsedMs < 300 + STOP_MS + LATE_MS, `took ${report.elapsedMs} ms`)
    t.match(await deaf.client.waitClosed(), { closeCode: 4321, reason: 'enough' })
    const codes = new Map(engine.journal.closes.map(({ id, code }) => [id, code]))
    t.same(
      joined.map(({ id }) => codes.get(id)),
      [1006, 1006, 4321, 4321, 4321],
      'every close has been told by the end of the shutdown',
    )
    t.equal(engine.journal.closes.length, 5)
    t.match(engine.server.stats(), { connections: 0, queuedBytes: 0 })
  })
}

for (const shards of [0, 2]) {
  t.test(`row 71: shards: ${shards}: ${CYCLES} lives leave no thread, port, timer or descriptor`, async (t) => {
    const before = await resourcesWithout(shards)
    const ports: number[] = []
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const engine = await EngineUnderTest.listening({ shards })
      ports.push(engine.port)
      const joined = await engine.join()
      await assertEchoes(t, engine, joined)
      void joined.client.answerClose()
      await engine.server.shutdown()
    }
    await assertBackTo(t, before)
    for (const port of ports) if (!(await isRefused(port))) t.fail(`port ${port} is still open`)
  })
}

t.test('row 70: an attached server goes on without WebSocket', async (t) => {
  const http = createServer((_, response) => response.end('plain'))
  t.teardown(() => stopServer(http))
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address() as AddressInfo
  const server = new WebSocketServer({ shards: 1, execArgv: [] }).attach(http)
  const journal = new Journal(server)
  await server.ready()
  const open = await RawClient.connect({ port })
  await journal.until('connection', () => journal.connections[0])
  const down = server.shutdown()
  const refused = await RawClient.open({ port })
  t.equal(refused.response.status, 503, 'during the shutdown')
  t.match(refused.response.headers.get('retry-after')?.[0], /^\d+$/)
  t.same(server.stats().rejected.reasons, { SHUTTING_DOWN: 1 })
  t.equal(await plainAnswer(port), 'plain')
  await open.answerClose()
  t.match(await down, { closed: 1, terminated: 0 })
  t.equal(http.listening, true)
  t.equal(http.listenerCount('upgrade'), 0)
  t.equal(await plainAnswer(port), 'plain')
})

t.test('a handshake that is not answered yet gets 503', async (t) => {
  const verdict = deferred<boolean>()
  const asked = deferred<void>()
  const engine = await EngineUnderTest.start(t, {
    shards: 1,
    verifyClient: () => {
      asked.resolve()
      return verdict.promise
    },
  })
  const opening = engine.open()
  await asked.promise
  const down = engine.server.shutdown()
  t.equal((await opening).response.status, 503)
  t.match(await down, { closed: 0, terminated: 0 })
  verdict.resolve(true)
  t.same(engine.server.stats().rejected.reasons, { SHUTTING_DOWN: 1 })
  t.same(engine.journal.connections, [])
})

t.test('a second shutdown is the first', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1 })
  const { client } = await engine.join()
  const [first, second] = [engine.server.shutdown(), engine.server.shutdown({ code: 4000, deadlineMs: 1 })]
  t.same(await client.answerClose(), [1001, 'server shutting down'])
  t.same(await second, await first)
  t.same(await engine.server.shutdown(), await first)
})

t.test('what is called afterwards', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1 })
  const { client, id, peer } = await engine.join()
  void client.answerClose()
  await engine.server.shutdown()
  const { server } = engine
  const closed = { code: 'SERVER_CLOSED' }
  const http = createServer()
  await t.rejects(server.listen(0), closed)
  t.throws(() => server.attach(http), closed)
  t.equal(http.listenerCount('upgrade'), 0)
  t.throws(() => server.handleUpgrade({ rawHeaders: [] } as never, {} as never, Buffer.alloc(0)), closed)
  t.equal(server.send(id, 'x'), false)
  t.equal(peer.send('x'), false)
  server.broadcast('x')
  server.close(id)
  peer.close()
  peer.terminate()
  peer.ping()
  t.same(server.getConnections(), [])
  t.equal(server.address(), null)
  t.match(server.stats(), { connections: 0, totalConnections: 1, shardDeaths: 0 })
})

t.test('bad arguments are the mistake of the caller, and change nothing', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1 })
  const joined = await engine.join()
  const bad: Record<string, unknown[]> = {
    code: [999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, Number.NaN, '1000', null],
    reason: [5, null, {}],
    notice: [5, null, {}, []],
    graceMs: [-1, 0.5, 2 ** 31, '100', null],
    drainMs: [-1, Number.NaN, 2 ** 31, null],
    deadlineMs: [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '100', null],
    retryAfterSeconds: [0, 86_401, 1.5, '5', null],
  }
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      const options = { [name]: value } as ShutdownOptions
      // Within a function: whether it throws or rejects is the engine's choice.
      const call = async (): Promise<unknown> => engine.server.shutdown(options)
      await t.rejects(call(), { code: 'ARGUMENT_INVALID', message: name }, `${name}: ${String(value)}`)
    }
  }
  const tooShort = async (): Promise<unknown> => engine.server.shutdown({ graceMs: 60, drainMs: 50, deadlineMs: 109 })
  await t.rejects(tooShort(), { code: 'ARGUMENT_INVALID', message: /deadlineMs must be at least .* 110, got 109$/ })
  const unknown = async (): Promise<unknown> => engine.server.shutdown({ deadlineMS: 1 } as ShutdownOptions)
  await t.rejects(unknown(), { code: 'OPTION_UNKNOWN', message: /did you mean options\.deadlineMs/ })
  await assertEchoes(t, engine, joined)
  await assertEchoes(t, engine, await engine.join())
  void joined.client.answerClose()
  t.match(await engine.server.shutdown({ code: 3000, reason: 'x'.repeat(200), deadlineMs: 100 }), { closed: 1 })
})

for (const afterMs of [null, 0, 1, 10, 30, 60, 120]) {
  const when = afterMs === null ? 'in the same tick' : `${afterMs} ms later`
  t.test(`a shutdown while the shards start, ${when}`, async (t) => {
    const before = await resourcesWithout(2)
    const server = new WebSocketServer({ shards: 2, execArgv: [], logLevel: 'error' })
    const listening = server.listen(0, '127.0.0.1').then(
      ({ port }) => port,
      (error: { code: string }) => error.code,
    )
    const ready = server.ready().then(
      () => 'ready',
      (error: { code: string }) => error.code,
    )
    if (afterMs !== null) await delay(afterMs)
    const wasListening = server.address() !== null
    const report = await server.shutdown({ deadlineMs: 500 })
    t.match(report, { closed: 0, terminated: 0 })
    t.ok(report.elapsedMs < STOP_MS + LATE_MS)
    const outcome = await listening
    if (!wasListening) t.equal(outcome, 'SERVER_CLOSED')
    else if (typeof outcome === 'number') t.ok(await isRefused(outcome))
    t.match(await ready, /^ready$|^SERVER_CLOSED$/, 'ready() is settled')
    t.equal(server.address(), null)
    await assertBackTo(t, before)
  })
}

for (const [what, kind] of [
  ['restarts', 'exited'],
  ['is left alone', 'degraded'],
] as const) {
  t.test(`a shutdown while a shard ${what}`, async (t) => {
    const before = await resourcesWithout(2)
    const orders = new ShardOrders()
    const engine = await EngineUnderTest.listening({ shards: 2, shardUrl: shardUrl('obedient') })
    const isSeen = (): true | undefined => engine.journal.shardEvents.some((event) => event.kind === kind) || undefined
    for (let death = 0; isSeen() === undefined; death++) {
      const started = (): number => engine.journal.shardEvents.filter((event) => event.kind === 'started').length
      await engine.journal.until('the shard', () => started() === 2 + death || undefined)
      await orders.give({ shard: 0, act: 'throw' })
      const exits = (): number => engine.journal.shardEvents.filter((event) => event.kind === 'exited').length
      await engine.journal.until('its end', () => exits() === death + 1 || undefined)
    }
    t.match(await engine.server.shutdown({ deadlineMs: 500 }), { closed: 0, terminated: 0 })
    orders.close()
    await assertBackTo(t, before)
  })
}

t.test('a blocked shard does not hold up the shutdown', async (t) => {
  const before = await resourcesWithout(2)
  const orders = new ShardOrders()
  const engine = await EngineUnderTest.listening({ shards: 2, shardUrl: shardUrl('obedient') })
  const joined = await engine.joinMany(4)
  const answering = joined.filter(({ peer }) => peer.shard === 1)
  for (const { client } of answering) void client.answerClose()
  await orders.give({ shard: 0, act: 'block', ms: 30_000 })
  const report = await engine.server.shutdown({ deadlineMs: 200 })
  t.match(report, { closed: 2, terminated: 2 })
  t.ok(report.elapsedMs < 200 + STOP_MS + LATE_MS, `took ${report.elapsedMs} ms`)
  for (const { client } of joined) await client.waitClosed()
  t.same(
    engine.journal.closes.map(({ code }) => code).sort(),
    [1001, 1001, 1006, 1006],
    'also those that the shard could not tell any more',
  )
  t.same(engine.server.getConnections(), [])
  orders.close()
  for (const { client } of joined) client.destroy()
  await assertBackTo(t, before)
})

async function plainAnswer(port: number): Promise<string> {
  const [response] = (await once(get({ port, host: '127.0.0.1', agent: false }), 'response')) as [IncomingMessage]
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += chunk
  return body
}

async function stopServer(server: Server): Promise<void> {
  server.close()
  server.closeAllConnections()
}
