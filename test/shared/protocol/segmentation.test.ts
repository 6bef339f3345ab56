import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { parse } from './event-log.ts'
import { changes, LIMITS, streams } from './frame-streams.ts'

const cuts = fc.array(fc.nat(4000), { maxLength: 12 })

function cutAt(bytes: Buffer, positions: readonly number[]): Buffer[] {
  const edges = [0, ...positions.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
}

t.test('row 73: property: any stream, valid or not, gives the same events however it is cut', async (t) => {
  const outcomes = new Map<string, number>()
  fc.assert(
    fc.property(streams, changes, cuts, (valid, list, positions) => {
      const stream = Buffer.from(valid)
      for (const { at, byte } of list) stream[at % stream.length] = byte
      const wanted = parse([stream], LIMITS)
      assert.deepEqual(parse(cutAt(stream, positions), LIMITS), wanted)
      assert.deepEqual(parse(cutAt(stream, Array.from(stream.keys())), LIMITS), wanted)
      const last = wanted.at(-1)?.split(' ')[0] ?? 'nothing'
      outcomes.set(last, (outcomes.get(last) ?? 0) + 1)
    }),
    { seed: 6455, numRuns: 2000 },
  )
  t.comment(JSON.stringify([...outcomes]))
  for (const wanted of [
    'binary',
    'text',
    'close',
    'RESERVED_BITS',
    'INVALID_UTF8',
    'MESSAGE_TOO_BIG',
    'MASK_REQUIRED',
  ]) {
    t.ok((outcomes.get(wanted) ?? 0) > 0, wanted)
  }
})
