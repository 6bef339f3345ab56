import fc from 'fast-check'
import t from 'tap'
import { type Act, faults, play } from '../fixtures/moves/play.ts'

const RUNS = Number(process.env.MOVES_RUNS ?? 100)

const weighted = (kinds: readonly (readonly [Act['kind'], number])[]): fc.Arbitrary<Act> =>
  fc.record({
    kind: fc.oneof(...kinds.map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind) }))),
    a: fc.nat(1000),
    b: fc.nat(1000),
  })

const TRAFFIC = [
  ['step', 12],
  ['publish', 4],
  ['broadcast', 1],
  ['send', 4],
  ['move', 2],
] as const

async function holds(acts: fc.Arbitrary<Act>, isMeshed: boolean, isChatty = false): Promise<void> {
  const property = fc.asyncProperty(fc.array(acts, { minLength: 30, maxLength: 150, size: 'max' }), async (list) => {
    const found = faults(await play(list, isMeshed, isChatty))
    if (found.length > 0) throw new Error(found.join('\n'))
  })
  // Shrinking would take minutes.
  await fc.assert(property, { numRuns: RUNS, endOnFailure: true })
}

t.test('everybody gets everything once, in the order of each publisher: main publishes', () =>
  holds(weighted(TRAFFIC), false),
)

t.test('the same with publishers in every shard', () => holds(weighted(TRAFFIC), true))

t.test('the same while connections end', () => holds(weighted([...TRAFFIC, ['end', 1]]), true))

t.test('the same when the handler speaks while it is detached', () => holds(weighted(TRAFFIC), true, true))

t.test('the same while shards come', () => holds(weighted([...TRAFFIC, ['create', 1]]), true))

t.test('the same for whose shard lives, while shards die', () =>
  holds(weighted([...TRAFFIC, ['kill', 1], ['create', 1]]), true),
)
