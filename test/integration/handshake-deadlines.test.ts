import { connect } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { Gate, noting, received } from '../fixtures/handshakes.ts'
import { eventually } from '../fixtures/journal.ts'
import { descriptorsBackTo, openDescriptors } from '../fixtures/process-resources.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { parseResponse, upgradeRequest } from '../fixtures/raw-request.ts'
import { RawSocket } from '../fixtures/raw-socket.ts'

const NEVER = (): Promise<boolean> => new Promise(() => {})

function startOne(t: Test, options: WebSocketServerOptions): Promise<EngineUnderTest> {
  return EngineUnderTest.start(t, { shards: 1, ...options })
}

t.test('row 10: silent or dripping, a client has one deadline from accept to the end of its request', async (t) => {
  const records: object[] = []
  const engine = await startOne(t, { handshakeTimeoutMs: 1000, logger: noting(records) })
  const head = upgradeRequest()
  const startedMs = performance.now()
  const drip = await RawSocket.open(engine.port)
  let answer = ''
  drip.onBytes = (chunk) => {
    answer += chunk.toString('latin1')
  }
  let sent = 0
  const dripping = setInterval(() => drip.write(head.subarray(sent, ++sent)), 50)
  t.teardown(() => clearInterval(dripping))
  const late = RawSocket.open(engine.port).then(async (socket) => {
    // Node's own deadline would begin anew with this byte.
    await new Promise((resolve) => setTimeout(resolve, 700))
    socket.write(head.subarray(0, 1))
    await socket.waitEnd()
    socket.destroy()
  })
  const silent = await received(engine.port, Buffer.alloc(0))
  t.same(silent, { text: '', how: 'fin' }, 'nothing is said to who says nothing')
  t.ok(performance.now() - startedMs >= 1000)
  t.equal(engine.server.stats().rejected.reasons.REQUEST_TIMEOUT, 3, 'a first byte does not begin it anew')
  await Promise.all([drip.waitEnd(), late])
  clearInterval(dripping)
  t.equal(parseResponse(Buffer.from(answer, 'latin1'))?.status, 408)
  t.match(answer, /\r\nConnection: close\r\n/)
  t.ok(sent < head.length)
  drip.destroy()
  t.match(records.slice(0, 3), Array(3).fill({ code: 'REQUEST_TIMEOUT', option: 'handshakeTimeoutMs' }))
  t.equal(await engine.statusOf(), 101)
})

t.test('row 10: what the request took is missing from the time for the rest', async (t) => {
  const engine = await startOne(t, { handshakeTimeoutMs: 1000, verifyClient: NEVER })
  const late = await RawSocket.open(engine.port)
  await new Promise((resolve) => setTimeout(resolve, 700))
  const prompt = engine.statusOf()
  late.write(upgradeRequest())
  await late.waitEnd()
  // verifyClient's own deadline, which is 1000 as well, had not passed.
  t.same(engine.server.stats().rejected.reasons, { HANDSHAKE_TIMEOUT: 1 })
  t.equal(await prompt, 503)
  t.same(engine.server.stats().rejected.reasons, { HANDSHAKE_TIMEOUT: 1, VERIFY_TIMEOUT: 1 })
  late.destroy()
})

t.test('row 10: a request without an upgrade is answered once, though its body never comes', async (t) => {
  const engine = await startOne(t, { handshakeTimeoutMs: 100 })
  const { text } = await received(engine.port, Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n'))
  t.match(text, /^HTTP\/1\.1 426 /)
  t.equal(text.split('HTTP/1.1').length, 2)
})

t.test('row 10: a shutdown does not wait for who says nothing', async (t) => {
  const engine = await startOne(t, { handshakeTimeoutMs: 600_000 })
  const socket = await RawSocket.open(engine.port)
  t.equal(await engine.statusOf(), 101)
  const [how] = await Promise.all([socket.waitEnd(), engine.server.shutdown()])
  t.equal(how, 'fin')
  socket.destroy()
})

t.test('row 27: verifyClient that hangs is given up, and what it says later is nothing', async (t) => {
  const gate = new Gate()
  const records: object[] = []
  let choices = 0
  const engine = await startOne(t, {
    verifyTimeoutMs: 300,
    verifyClient: gate.verify,
    handleProtocols: () => {
      choices++
      return false
    },
    logger: noting(records),
  })
  const startedMs = performance.now()
  const waiting = received(engine.port, upgradeRequest())
  await gate.called(1)
  // In time: the deadline is this one's own.
  const prompt = engine.open()
  await gate.called(2)
  gate.calls[1]?.resolve(true)
  t.equal((await prompt).response.status, 101)
  const { text } = await waiting
  t.ok(performance.now() - startedMs >= 300)
  t.match(text, /^HTTP\/1\.1 503 .*\r\nRetry-After: \d+\r\n/s)
  t.match(text, /verifyClient or upgrade took longer than verifyTimeoutMs$/)
  t.equal(text.split('HTTP/1.1').length, 2, 'one answer')
  gate.calls[0]?.resolve(true)
  await nextTurn()
  t.equal(choices, 1, 'the handshake does not go on')
  t.same(engine.server.stats().rejected, { total: 1, reasons: { VERIFY_TIMEOUT: 1 } })
  t.match(records, [{ code: 'VERIFY_TIMEOUT', option: 'verifyTimeoutMs' }])
  t.equal(engine.journal.connections.length, 1)
  t.same(engine.journal.errors, [])
})

t.test('row 27: verifyClient that throws or rejects, late ones too', async (t) => {
  const gate = new Gate()
  const engine = await startOne(t, { verifyTimeoutMs: 200, verifyClient: gate.verify })
  const prompt = engine.statusOf()
  await gate.called(1)
  gate.calls[0]?.reject(new Error('of the application'))
  t.equal(await prompt, 500)
  t.equal(await engine.statusOf(), 503)
  gate.calls[1]?.reject(new Error('of the application, late'))
  await engine.journal.until('both errors', () => engine.journal.errors.length === 2 || undefined)
  t.same(
    engine.journal.errors.map(({ error }) => [error.code, (error.cause as Error).message]),
    [
      ['VERIFY_FAILED', 'of the application'],
      ['VERIFY_FAILED', 'of the application, late'],
    ],
  )
  t.same(engine.server.stats().rejected.reasons, { VERIFY_FAILED: 1, VERIFY_TIMEOUT: 1 })
})

t.test('row 27: every verdict about a client that has left is nothing', async (t) => {
  const verdicts = [true, false, { status: 403 }, { accept: true, user: 'nobody' }] as const
  const gate = new Gate()
  const engine = await startOne(t, { verifyClient: gate.verify as never })
  for (const [index, verdict] of verdicts.entries()) {
    const socket = connect(engine.port, '127.0.0.1', () => socket.write(upgradeRequest()))
    socket.on('error', () => {})
    await gate.called(index + 1)
    socket.resetAndDestroy()
    gate.calls[index]?.resolve(verdict as boolean)
  }
  // A reset is noticed when something is written: before, between or after the 101 and the hand-off.
  await eventually('all are gone', () => {
    const { connections, handoffs, rejected } = engine.server.stats()
    const opened = engine.journal.closes.length
    return connections === 0 && handoffs.abandoned + handoffs.lost + opened + rejected.total === verdicts.length
  })
  t.same(
    engine.journal.errors.filter(({ id }) => id === null),
    [],
  )
})

t.test('row 27: 2000 verdicts that never come leave nothing', async (t) => {
  const batch = 200
  const engine = await startOne(t, { maxConnections: batch, verifyTimeoutMs: 200, verifyClient: NEVER })
  // A loop keeps a descriptor from its first sockets on.
  await Promise.all(Array.from({ length: 3 }, () => engine.statusOf()))
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const baseline = { descriptors: openDescriptors().length, timers: timers() }
  for (let round = 0; round < 2000 / batch; round++) {
    const statuses = await Promise.all(Array.from({ length: batch }, () => statusOf(engine.port)))
    t.same(new Set(statuses), new Set([503]))
  }
  t.same(engine.server.stats().rejected.reasons, { VERIFY_TIMEOUT: 2003 }, 'each place was free again')
  await descriptorsBackTo(baseline.descriptors)
  await eventually('no timer is left', () => timers() <= baseline.timers)
})

async function statusOf(port: number): Promise<number> {
  const client = await RawClient.open({ port })
  client.destroy()
  return client.response.status
}
