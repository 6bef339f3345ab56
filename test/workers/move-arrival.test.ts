import t from 'tap'
import type { Connection } from '../../workers/connection.ts'
import { MoveArrival } from '../../workers/move-arrival.ts'

const [FORMER, HERE, OTHER] = [0, 1, 2]
const MOVING = { move: 1, from: FORMER, to: HERE, keys: [7, 8] } as const

function connection(key: number): Connection {
  return { key } as Connection
}

t.test('who arrives gets what was sent meanwhile, in order, but not what the former shard has delivered', async (t) => {
  const arrival = new MoveArrival(MOVING)
  const heard: string[] = []
  const note =
    (what: string) =>
    ({ key }: Connection): void =>
      void heard.push(`${key} ${what}`)
  t.notOk(arrival.defer(OTHER, 9, note('of a stranger')))
  t.ok(arrival.defer(OTHER, 7, note('first')))
  arrival.deferAll(OTHER, note('before the cut'))
  arrival.cuts.add(OTHER).add(FORMER)
  arrival.deferAll(OTHER, note('for all'))
  t.ok(arrival.defer(FORMER, 7, note('by the former shard')))
  arrival.deferAll(FORMER, note('for all, by the former shard'))
  t.ok(arrival.defer(OTHER, 8, note('for the other one')))
  t.ok(arrival.defer(OTHER, 7, note('last')))
  arrival.arrive(connection(7))
  t.same(heard, ['7 first', '7 for all', '7 last'])
  t.notOk(arrival.defer(OTHER, 7, note('too late')), 'it is here')
  t.same([...arrival.awaited], [8])
})

t.test('who arrives may be read when main has heard everything from the former shard', async (t) => {
  const arrival = new MoveArrival(MOVING)
  const [early, late] = [connection(7), connection(8)]
  t.notOk(arrival.arrive(early))
  t.same(arrival.start(), [early])
  t.ok(arrival.arrive(late))
  t.same(arrival.start(), [], 'each is told once')
})

t.test('it is done when everybody has come who will, with their sockets', async (t) => {
  const arrival = new MoveArrival(MOVING)
  arrival.arrive(connection(7))
  arrival.settle()
  t.same([arrival.isComplete, arrival.isDone, [...arrival.awaited]], [true, false, []])
  arrival.opened()
  t.ok(arrival.isDone)
})
