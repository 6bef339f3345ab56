import t from 'tap'
import { Mover } from '../../src/main/mover.ts'
import type { Peer } from '../../src/main/peer.ts'
import type { RunningShard } from '../../src/main/running-shard.ts'

/** Moves between shards that run are in `test/workers/moves.test.ts`. */
t.test('row 14: a shard that has died while others moved is asked for nothing: it would not answer', async (t) => {
  const asked: string[] = []
  const shard = (name: string) => ({ link: { prepare: () => asked.push(name) } }) as unknown as RunningShard
  const [dead, running] = [shard('dead'), shard('running')]
  const mover = new Mover({
    shards: () => [running],
    mesh: { connect: () => asked.push('mesh') },
  } as unknown as ConstructorParameters<typeof Mover>[0])
  const peerOf = (home: RunningShard) =>
    ({ isOn: (other: unknown) => other === home, isAlive: false }) as unknown as Peer
  t.same(await mover.move([peerOf(dead)], dead, running), { moved: 0, stayed: 0 })
  t.same(await mover.move([peerOf(running)], running, dead), { moved: 0, stayed: 0 })
  t.same(asked, [])
})
