import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import type { Case } from '../conformance/case.ts'
import { closingCases } from '../conformance/closing.ts'
import { STRICT_LIMITS, strictCases } from '../conformance/compression-strict.ts'
import { fragmentationCases } from '../conformance/fragmentation.ts'
import { framingCases } from '../conformance/framing.ts'
import { LIMITS } from '../conformance/limits.ts'
import { opcodeCases } from '../conformance/opcodes.ts'
import { pingCases } from '../conformance/pings.ts'
import { reservedBitsCases } from '../conformance/reserved-bits.ts'
import { runCases } from '../conformance/run-case.ts'
import { utf8Cases } from '../conformance/utf8.ts'
import { withRowServer } from './row-server.ts'

/*
 * What the cases are and that each ends as the RFC says is the business of `test/conformance`. Here every one of
 * them runs against a server in a process of its own, which must be none the worse for it.
 */
runAtRest('row 21 23: framing, opcodes, fragmentation', LIMITS, [
  ...framingCases,
  ...pingCases,
  ...reservedBitsCases,
  ...opcodeCases,
  ...fragmentationCases,
])
runAtRest('row 21 22: UTF-8', LIMITS, utf8Cases)
runAtRest('row 21 34: the closing handshake', LIMITS, closingCases)
for (const mode of ['shared', 'dedicated'] as const) {
  runAtRest(`row 56: compressed messages, ${mode}`, { ...STRICT_LIMITS, compression: { mode } }, strictCases(mode))
}

function runAtRest(name: string, options: WebSocketServerOptions, cases: readonly Case[]): void {
  t.test(`${name}: ${cases.length} cases leave nothing behind`, async (t: Test) => {
    await withRowServer(t, { options: { ...options, maxControlRate: 0 } }, async ({ port }) => {
      const failures = (await Promise.all(runCases(port, cases, 8))).filter((failure) => failure !== null)
      t.same(failures, [])
    })
  })
}
