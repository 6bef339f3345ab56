import t from 'tap'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { noting } from '../fixtures/handshakes.ts'
import { SAMPLE_KEY, upgradeRequest } from '../fixtures/raw-request.ts'

const OWN_FIELDS = [
  'Host: a',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Key: ${SAMPLE_KEY}`,
  'Sec-WebSocket-Version: 13',
]
const LIMIT = 100
const MOST = 3000
const AT_A_TIME = 8

/** A handshake of `count` fields; the others are duplicates of one name, short enough for 3000 in 16 KiB. */
function flooded(count: number, isOwnFirst: boolean): Buffer {
  const others = Array(count - OWN_FIELDS.length).fill('A:') as string[]
  const fields = isOwnFirst ? [...OWN_FIELDS, ...others] : [...others, ...OWN_FIELDS]
  return Buffer.from(`GET / HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`)
}

/** All up to 150, then every seventh, and all around the 1000 behind which Node drops fields. */
function counts(): number[] {
  const all = Array.from({ length: MOST - OWN_FIELDS.length + 1 }, (_, index) => index + OWN_FIELDS.length)
  return all.filter((count) => count <= 150 || count % 7 === 0 || Math.abs(count - 1000) < 40 || count > MOST - 3)
}

t.test('row 14: up to 3000 header fields, the upgrade first or last: 101 or 431, never anything else', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1 })
  const waiting = counts().flatMap((count) => [
    { count, isOwnFirst: true },
    { count, isOwnFirst: false },
  ])
  const wrong: string[] = []
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { count, isOwnFirst } = next
      const status = await engine.statusOf({ handshake: flooded(count, isOwnFirst) })
      if (status !== (count <= LIMIT ? 101 : 431)) wrong.push(`${count}, ${isOwnFirst ? 'first' : 'last'}: ${status}`)
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, work))
  t.same(wrong, [])
  t.ok((engine.server.stats().rejected.reasons.HEADERS_TOO_LARGE ?? 0) > 0)
  t.equal(await engine.statusOf(), 101)
})

// Past 1000 Node itself refuses from version 24 on.
for (const maxHeaderFields of [5, 100, 999]) {
  t.test(`row 14: maxHeaderFields ${maxHeaderFields}, one fewer, one more`, async (t) => {
    const records: object[] = []
    const engine = await EngineUnderTest.start(t, { shards: 1, maxHeaderFields, logger: noting(records) })
    for (const isOwnFirst of [true, false]) {
      if (maxHeaderFields > OWN_FIELDS.length)
        t.equal(await engine.statusOf({ handshake: flooded(maxHeaderFields - 1, isOwnFirst) }), 101)
      t.equal(await engine.statusOf({ handshake: flooded(maxHeaderFields, isOwnFirst) }), 101)
      t.equal(await engine.statusOf({ handshake: flooded(maxHeaderFields + 1, isOwnFirst) }), 431)
    }
    t.same(engine.server.stats().rejected, { total: 2, reasons: { HEADERS_TOO_LARGE: 2 } })
    t.match(records, Array(2).fill({ code: 'HEADERS_TOO_LARGE', option: 'maxHeaderFields' }))
  })
}

for (const maxUrlLength of [1, 4096, 12_000]) {
  t.test(`row 14: maxUrlLength ${maxUrlLength}, one fewer, one more`, async (t) => {
    const records: object[] = []
    const engine = await EngineUnderTest.start(t, { shards: 1, maxUrlLength, logger: noting(records) })
    const statusOf = (length: number): Promise<number> => engine.statusOf({ path: `/${'a'.repeat(length - 1)}` })
    if (maxUrlLength > 1) t.equal(await statusOf(maxUrlLength - 1), 101)
    t.equal(await statusOf(maxUrlLength), 101)
    t.equal(await statusOf(maxUrlLength + 1), 414)
    t.same(engine.server.stats().rejected, { total: 1, reasons: { URI_TOO_LONG: 1 } })
    t.match(records, [{ code: 'URI_TOO_LONG', option: 'maxUrlLength' }])
  })
}

t.test('row 14: header fields of 15 KiB are read, of 17 KiB refused, whatever Node was started with', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1 })
  const statusOf = (kibibytes: number): Promise<number> =>
    engine.statusOf({ handshake: upgradeRequest({ Cookie: 'a'.repeat(kibibytes * 1024) }) })
  t.equal(await statusOf(15), 101)
  t.equal(await statusOf(17), 431)
})
