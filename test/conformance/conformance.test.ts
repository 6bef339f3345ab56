import t from 'tap'
import type { Case } from './case.ts'
import { closingCases } from './closing.ts'
import { configurations } from './configurations.ts'
import { fragmentationCases } from './fragmentation.ts'
import { framingCases } from './framing.ts'
import { LIMITS, limitCases } from './limits.ts'
import { opcodeCases } from './opcodes.ts'
import { pingCases } from './pings.ts'
import { reservedBitsCases } from './reserved-bits.ts'
import { runCases } from './run-case.ts'
import { utf8Cases } from './utf8.ts'

interface Category {
  readonly name: string
  readonly cases: readonly Case[]
  /** Connections at once. */
  readonly concurrency: number
}

const CATEGORIES: readonly Category[] = [
  { name: '1 framing', cases: framingCases, concurrency: 8 },
  { name: '2 pings and pongs', cases: pingCases, concurrency: 8 },
  { name: '3 reserved bits', cases: reservedBitsCases, concurrency: 8 },
  { name: '4 opcodes', cases: opcodeCases, concurrency: 8 },
  { name: '5 fragmentation', cases: fragmentationCases, concurrency: 8 },
  { name: '6 UTF-8', cases: utf8Cases, concurrency: 16 },
  { name: '7 closing handshake', cases: closingCases, concurrency: 8 },
  // Few at once: each holds up to 16 MiB on both sides.
  { name: '9 and 10 limits, performance, fragmentation by the client', cases: limitCases, concurrency: 2 },
]

// Every failing case may cost its whole deadline.
t.setTimeout(300_000)

for (const configuration of await configurations()) {
  await t.test(configuration.name, async (t) => {
    t.setTimeout(300_000)
    const server = await configuration.start(LIMITS)
    t.teardown(() => server.stop())
    for (const { name, cases, concurrency } of CATEGORIES) {
      await t.test(name, async (t) => {
        t.setTimeout(300_000)
        const failures = runCases(server.port, cases, concurrency)
        for (const [index, { id, what }] of cases.entries()) {
          await t.test(`${id} ${what}`, async (t) => {
            const failure = await failures[index]
            t.equal(failure, null, failure ?? 'as the RFC says')
          })
        }
      })
    }
  })
}
