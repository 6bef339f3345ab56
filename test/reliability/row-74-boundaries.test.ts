import t from 'tap'
import { binary, type Case, fragments, got, octets, type Step, send, sendDeflated } from '../conformance/case.ts'
import { runCases } from '../conformance/run-case.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { withRowServer } from './row-server.ts'

const MAX_PAYLOAD = 1024 * 1024
const SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, MAX_PAYLOAD - 1, MAX_PAYLOAD, MAX_PAYLOAD + 1]
const OFFER = 'permessage-deflate'
const { Binary } = RawOpcode

const ways: Readonly<Record<string, (payload: Buffer) => Step>> = {
  'in one frame': (payload) => send(binary(payload)),
  'in three frames': (payload) => {
    const [third, twoThirds] = [Math.ceil(payload.length / 3), Math.ceil((payload.length * 2) / 3)]
    const parts = [payload.subarray(0, third), payload.subarray(third, twoThirds), payload.subarray(twoThirds)]
    return send(...fragments(Binary, parts))
  },
  'compressed, in one frame': (payload) => sendDeflated(Binary, payload),
  'compressed, in frames of 100 bytes': (payload) => sendDeflated(Binary, payload, 100),
}

const cases = SIZES.flatMap((size) =>
  Object.entries(ways).map(([what, step]): Case => {
    const [payload, isOver] = [octets(size), size > MAX_PAYLOAD]
    return {
      id: `${size}`,
      what,
      steps: () => (isOver ? [step(payload)] : [step(payload), got(Binary, payload)]),
      end: isOver ? 1009 : 'clean',
      deadlineMs: 15_000,
      ...(what.startsWith('compressed') && { offer: OFFER }),
    }
  }),
)

t.test('row 74: exact echoes up to maxPayload, and 1009 one byte beyond, plain and compressed', async (t) => {
  for (const mode of ['shared', 'dedicated'] as const) {
    await withRowServer(t, { options: { compression: mode } }, async ({ port }) => {
      const failures = await Promise.all(runCases(port, cases, 4))
      for (const [index, { id, what }] of cases.entries())
        t.equal(failures[index], null, `${mode}: ${id} bytes ${what}`)
    })
  }
})
