import t from 'tap'
import { mostShards, Topology } from '../../src/main/topology.ts'

type Host = ConstructorParameters<typeof Topology>[0]

/** A server that has been started with so many shards, and whose threads are numbers. */
function started(shards: number): { topology: Topology; seats: unknown[] } {
  const seats: unknown[] = Array.from({ length: shards }, () => null)
  const supervisor = {
    seats,
    isStopped: false,
    grow: async () => void seats.push(null),
    shrink: (left: number) => {
      seats.splice(left)
      return []
    },
  }
  const host = { options: { shards }, peers: [], supervisor }
  return { topology: new Topology(host as unknown as Host), seats }
}

t.test('resize makes 1 to 64 shards, or as many as there were to begin with', async (t) => {
  for (const [shards, most] of [
    [1, 64],
    [64, 64],
    [65, 65],
    [256, 256],
  ] as const) {
    t.equal(mostShards({ shards }), most)
    const { topology, seats } = started(shards)
    for (const right of [1, most - 1, most]) {
      t.same(await topology.resize(right), { moved: 0, stayed: 0, closed: 0 })
      t.equal(seats.length, right)
    }
    for (const wrong of [0, most + 1, 1.5, '2', undefined]) {
      await t.rejects(topology.resize(wrong as number), {
        code: 'ARGUMENT_INVALID',
        message: `shards must be an integer from 1 to ${most}, got ${wrong}`,
      })
    }
    t.equal(seats.length, most)
  }
})
