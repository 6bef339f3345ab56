import t from 'tap'
import { type Case, closing, continuation, gotText, type Step, send, text, unfinished } from '../conformance/case.ts'
import { runCases } from '../conformance/run-case.ts'
import { firstOffence, UTF8_VECTORS, type Utf8Vector } from '../conformance/utf8-vectors.ts'
import { deflated } from '../fixtures/deflate-context.ts'
import type { FrameSpec } from '../fixtures/raw-frame.ts'
import { withRowServer } from './row-server.ts'

const AT_A_TIME = 16
const OFFER = 'permessage-deflate'

/** `body` as one message in two frames, cut at `at`. */
function inTwo(body: Buffer, at: number, first: Partial<FrameSpec> = {}): FrameSpec[] {
  return [text(body.subarray(0, at), { ...first, ...unfinished }), continuation(body.subarray(at))]
}

function everyCut(body: Buffer, first: Partial<FrameSpec> = {}): FrameSpec[][] {
  return Array.from({ length: body.length + 1 }, (_, at) => inTwo(body, at, first))
}

/** Valid text on one connection, one cut after another; what is invalid on a connection for each cut. */
function casesOf({ id, bytes }: Utf8Vector, what: string, cuts: FrameSpec[][], offer?: string): Case[] {
  const common = { what, ...(offer !== undefined && { offer }) }
  if (firstOffence(bytes) === -1) {
    const steps = (): Step[] => [send(...cuts.flat()), ...cuts.map(() => gotText(bytes))]
    return [{ ...common, id, steps, end: 'clean' }]
  }
  return cuts.map((frames, at) => ({ ...common, id: `${id}, cut at ${at}`, steps: () => [send(...frames)], end: 1007 }))
}

const plain = UTF8_VECTORS.flatMap((vector) => casesOf(vector, 'plain', everyCut(vector.bytes)))
const compressed = UTF8_VECTORS.flatMap((vector) =>
  casesOf(vector, 'compressed', everyCut(deflated(vector.bytes), { rsv: 4 }), OFFER),
)
const reasons = UTF8_VECTORS.filter(({ bytes }) => bytes.length <= 123).map(
  ({ id, bytes }): Case => ({
    id,
    what: 'close reason',
    steps: () => [send(closing(1000, bytes))],
    end: firstOffence(bytes) === -1 ? 1000 : 1007,
  }),
)

for (const [what, cases] of Object.entries({ plain, compressed, 'in close reasons': reasons })) {
  t.test(`row 22: ${UTF8_VECTORS.length} vectors, every cut, ${what}: ${cases.length} cases`, async (t) => {
    await withRowServer(t, { options: { compression: 'shared' } }, async ({ port }) => {
      const failures = await Promise.all(runCases(port, cases, AT_A_TIME))
      const wrong = cases.flatMap(({ id }, index) => (failures[index] === null ? [] : [`${id}: ${failures[index]}`]))
      t.same(wrong, [])
    })
  })
}
