import t, { type Test } from 'tap'
import { compressionCases } from './compression.ts'
import { STRICT_LIMITS, strictCases } from './compression-strict.ts'
import { type Configuration, configurations } from './configurations.ts'
import { offerCases } from './offers.ts'
import { runCases } from './run-case.ts'
import { runHandshake } from './run-handshake.ts'

const CONCURRENCY = 8

// Every failing case may cost its whole deadline.
t.setTimeout(300_000)

for (const configuration of await configurations([{ shards: 1 }])) {
  for (const mode of ['shared', 'dedicated'] as const) {
    await t.test(`${configuration.name}, ${mode}`, async (t) => {
      t.setTimeout(300_000)
      await t.test('12 and 13: data and parameters', async (t) => {
        const compression = { mode, serverMaxWindowBits: 15, clientMaxWindowBits: 15 }
        const { port } = await start(t, configuration, { compression, compressThreshold: 0 })
        await report(t, compressionCases, runCases(port, compressionCases, CONCURRENCY))
      })
      await t.test('strict', async (t) => {
        const { port } = await start(t, configuration, { compression: { mode }, ...STRICT_LIMITS })
        const cases = strictCases(mode)
        await report(t, cases, runCases(port, cases, CONCURRENCY))
      })
      // What a server agrees on is its own policy.
      if (!configuration.supports({ maxCompressedSize: 1 })) return
      await t.test('offers', async (t) => {
        const { port } = await start(t, configuration, { compression: { mode } })
        const cases = offerCases(mode)
        await report(
          t,
          cases,
          cases.map((each) => runHandshake(port, each)),
        )
      })
    })
  }
}

async function start(t: Test, configuration: Configuration, options: Parameters<Configuration['start']>[0]) {
  const server = await configuration.start(options)
  t.teardown(() => server.stop())
  return server
}

async function report(
  t: Test,
  cases: readonly { readonly id: string; readonly what: string }[],
  failures: readonly Promise<string | null>[],
): Promise<void> {
  t.setTimeout(300_000)
  for (const [index, { id, what }] of cases.entries()) {
    await t.test(`${id} ${what}`, async (t) => {
      const failure = await failures[index]
      t.equal(failure, null, failure ?? 'as the RFCs say')
    })
  }
}
