import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { Gate, noting } from '../fixtures/handshakes.ts'
import { eventually } from '../fixtures/journal.ts'
import { descriptorsBackTo, openDescriptors } from '../fixtures/process-resources.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { upgradeRequest } from '../fixtures/raw-request.ts'
import { RawSocket } from '../fixtures/raw-socket.ts'

const LIMIT = 3

for (const isOwn of [true, false]) {
  t.test(`row 10: maxPendingHandshakes with ${isOwn ? 'listen' : 'attach'}: one more gets 503`, async (t) => {
    const gate = new Gate()
    const records: object[] = []
    const engine = await EngineUnderTest.start(t, {
      shards: 1,
      maxPendingHandshakes: LIMIT,
      verifyClient: gate.verify,
      logger: noting(records),
    })
    let { port } = engine
    if (!isOwn) {
      const http = createServer()
      engine.server.attach(http)
      await once(http.listen(0, '127.0.0.1'), 'listening')
      port = (http.address() as AddressInfo).port
      t.teardown(() => http.close())
    }
    const pending = Array.from({ length: LIMIT }, () => RawClient.open({ port }))
    await gate.called(LIMIT)
    t.equal(engine.server.stats().rejected.total, 0, 'as many as may')
    const refused = await RawClient.open({ port })
    t.equal(refused.response.status, 503)
    t.match(refused.response.headers.get('retry-after')?.[0], /^[1-9]\d*$/)
    t.match(await refused.waitClosed(), { how: 'fin' })
    t.same(engine.server.stats().rejected, { total: 1, reasons: { TOO_MANY_HANDSHAKES: 1 } })
    t.match(records, [{ code: 'TOO_MANY_HANDSHAKES', option: 'maxPendingHandshakes' }])

    gate.calls[0]?.resolve(true)
    const [opened] = pending
    t.equal((await opened)?.response.status, 101, 'one fewer: an open connection is no handshake')
    const next = RawClient.open({ port })
    await gate.called(LIMIT + 1)
    for (const call of gate.calls) call.resolve(false)
    for (const client of [...pending.slice(1), next]) t.equal((await client).response.status, 401)
    for (const client of [...pending, next]) (await client).destroy()
    refused.destroy()
  })
}

/** After this a connection counts as silent. */
const SILENT_MS = 260

t.test('row 10: of the connections without a request the oldest silent one makes room', async (t) => {
  const records: object[] = []
  const engine = await EngineUnderTest.start(t, {
    shards: 1,
    maxPendingHandshakes: LIMIT,
    logger: noting(records),
  })
  const speaking = await RawSocket.open(engine.port)
  let answer = ''
  speaking.onBytes = (chunk) => {
    answer += chunk.toString('latin1')
  }
  speaking.write(upgradeRequest().subarray(0, 10))
  // Its first bytes have been read when a handshake behind it is over.
  t.equal(await engine.statusOf(), 101)
  const [older, newer] = [await RawSocket.open(engine.port), await RawSocket.open(engine.port)]
  t.equal(engine.server.stats().rejected.total, 0)
  await delay(SILENT_MS)
  t.equal(await engine.statusOf(), 101, 'one more takes the place of a silent one')
  t.equal(await older.waitEnd(), 'fin')
  t.same([speaking.how, newer.how, answer], [undefined, undefined, ''])
  t.same(engine.server.stats().rejected, { total: 1, reasons: { TOO_MANY_HANDSHAKES: 1 } })
  t.match(records, [{ code: 'TOO_MANY_HANDSHAKES', option: 'maxPendingHandshakes' }])

  const newest = await RawSocket.open(engine.port)
  for (const socket of [newer, newest]) socket.write(upgradeRequest().subarray(0, 10))
  // On the loopback it is there at once: one turn to accept, one to read.
  for (let turn = 0; turn < 10; turn++) await nextTurn()
  t.equal(await engine.statusOf(), 101)
  await speaking.waitEnd()
  t.match(answer, /^HTTP\/1\.1 503 .*\r\nRetry-After: \d+\r\n/s, 'with nobody silent the oldest is told to come back')
  t.same([newer.how, newest.how], [undefined, undefined])
  for (const socket of [speaking, older, newer, newest]) socket.destroy()
})

t.test('row 10: 1500 silent clients keep nobody out', async (t) => {
  const silent = 1500
  const engine = await EngineUnderTest.start(t, { shards: 1 })
  // The shard's loop keeps a descriptor from its first socket on.
  const first = await engine.join()
  first.client.destroy()
  await engine.journal.closeOf(first.id)
  const baseline = openDescriptors().length
  const sockets: RawSocket[] = []
  let opened = 0
  while (sockets.length < silent) {
    sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => RawSocket.open(engine.port, 20_000)))))
    t.equal(await engine.statusOf(), 101)
    opened++
  }
  // Past the default of 1024 each newcomer costs a silent one its place.
  const surplus = silent + 1 - 1024
  await eventually('the oldest have gone', () => {
    const { total, reasons } = engine.server.stats().rejected
    return total >= surplus && total === reasons.TOO_MANY_HANDSHAKES
  })
  const gone = engine.server.stats().rejected.total
  t.ok(gone >= surplus - 1 && gone <= surplus + opened, `${gone} have gone`)
  await Promise.all(sockets.slice(0, gone).map((socket) => socket.waitEnd()))
  t.equal(
    sockets.slice(gone).findIndex(({ how }) => how !== undefined),
    -1,
    'and only those',
  )
  for (const socket of sockets) socket.destroy()
  await descriptorsBackTo(baseline)
})
