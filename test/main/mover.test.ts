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
    ({ isOn: (other: unknown) => other === home, isAlive: true }) as unknown as Peer
  t.match(await mover.move([peerOf(dead)], dead, running), { moved: 0 })
  t.match(await mover.move([peerOf(running)], running, dead), { moved: 0 })
  t.same(asked, [])
})

t.test('batches of 256; those that need a while are asked again when all others have moved', async (t) => {
  const asked: string[] = []
  const slow = new Set([3, 300])
  class Home {
    readonly index: number
    assigned = 0
    readonly link = {
      prepare: (move: number, _to: number, isPatient: boolean, keys: readonly number[]) => {
        asked.push(`${isPatient ? 'a while' : 'a moment'} for ${keys.length}`)
        const ready = keys.filter((key) => isPatient || !slow.has(key))
        queueMicrotask(() => mover.onPrepared(move, ready))
      },
      // Everybody answers at once.
      moving: ({ move, from, to }: { move: number; from: number; to: number }) => {
        if (this.index === from) queueMicrotask(() => mover.onMovedOut(move, []))
        if (this.index === to) queueMicrotask(() => mover.onArrived(move))
      },
      start: () => {},
      moved: () => {},
      cancel: () => {},
    }
    constructor(index: number) {
      this.index = index
    }
  }
  const [from, to] = [new Home(0), new Home(1)] as unknown as [RunningShard, RunningShard]
  const peers = Array.from({ length: 600 }, (_, key) => {
    let home = from
    const peer = {
      key,
      isAlive: true,
      isOn: (shard: unknown) => home === shard,
      rehome(shard: RunningShard) {
        home = shard
      },
    }
    return peer as unknown as Peer
  })
  const mover = new Mover({
    shards: () => [from, to],
    mesh: { connect: () => {} },
    peers: { get: (key: number) => peers[key] },
    rooms: { rehome: () => {} },
    table: { setShard: () => {} },
  } as unknown as ConstructorParameters<typeof Mover>[0])
  t.same(await mover.move(peers, from, to), { moved: 600, stayed: 0 })
  t.same(asked, ['a moment for 256', 'a moment for 256', 'a moment for 88', 'a while for 2'])
  t.same([mover.totals, to.assigned], [{ moved: 600, stayed: 0 }, 600])
})
