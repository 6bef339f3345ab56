import t from 'tap'
import { Mover } from '../../src/main/mover.ts'
import type { Peer } from '../../src/main/peer.ts'
import type { RunningShard } from '../../src/main/running-shard.ts'
import { deferred } from '../fixtures/deferred.ts'

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

/** Two shards whose answers `Answers` gives, and peers on the first of them. */
class Places {
  readonly told: string[] = []
  readonly mover: Mover
  readonly from: RunningShard
  readonly to: RunningShard
  readonly peers: readonly Peer[]
  readonly #answers: Answers

  constructor(peers: number, answers: Partial<Answers> = {}) {
    this.#answers = { ...AT_ONCE, ...answers }
    ;[this.from, this.to] = [this.#shard(0), this.#shard(1)]
    this.peers = Array.from({ length: peers }, (_, key) => this.#peer(key))
    this.mover = new Mover({
      shards: () => [this.from, this.to],
      mesh: { connect: (one: RunningShard, other: RunningShard) => this.told.push(`link ${one.index} ${other.index}`) },
      peers: { get: (key: number) => this.peers[key] },
      rooms: { rehome: ({ key }: Peer, { index }: RunningShard) => this.told.push(`rooms of ${key} to ${index}`) },
      table: { setShard: (key: number, shard: number) => this.told.push(`row of ${key} to ${shard}`) },
    } as unknown as ConstructorParameters<typeof Mover>[0])
  }

  #shard(index: number): RunningShard {
    const link = {
      prepare: (move: number, _to: number, isPatient: boolean, keys: readonly number[]) => {
        this.told.push(`${isPatient ? 'a while' : 'a moment'} for ${keys.length}`)
        queueMicrotask(() => this.mover.onPrepared(move, this.#answers.ready(keys, isPatient)))
      },
      moving: ({ move, from, to }: { move: number; from: number; to: number }) => {
        if (index === from) queueMicrotask(() => this.mover.onMovedOut(move, this.#answers.stayed))
        if (index === to) queueMicrotask(() => this.#answers.arrive(() => this.mover.onArrived(move)))
      },
      start: () => {},
      moved: () => {},
      cancel: () => this.told.push(`${index} cancels`),
    }
    return { index, assigned: 0, link } as unknown as RunningShard
  }

  #peer(key: number): Peer {
    let home = this.from
    const peer = {
      key,
      isAlive: true,
      isOn: (shard: unknown) => home === shard,
      rehome(shard: RunningShard) {
        home = shard
      },
    }
    return peer as unknown as Peer
  }
}

interface Answers {
  ready(keys: readonly number[], isPatient: boolean): readonly number[]
  readonly stayed: readonly number[]
  arrive(tell: () => void): void
}

const AT_ONCE: Answers = { ready: (keys) => keys, stayed: [], arrive: (tell) => tell() }

t.test('batches of 256; those that need a while are asked again when all others have moved', async (t) => {
  const slow = new Set([3, 300])
  const ready = (keys: readonly number[], isPatient: boolean) => keys.filter((key) => isPatient || !slow.has(key))
  const { mover, peers, from, to, told } = new Places(600, { ready })
  t.same(await mover.move(peers, from, to), { moved: 600, stayed: 0 })
  t.same(
    told.filter((line) => line.startsWith('a ')),
    ['a moment for 256', 'a moment for 256', 'a moment for 88', 'a while for 2'],
  )
  t.same([mover.totals, to.assigned], [{ moved: 600, stayed: 0 }, 600])
})

t.test('whose rooms and row in the table go along, over a link between the two', async (t) => {
  const { mover, peers, from, to, told } = new Places(1)
  t.same(await mover.move(peers, from, to), { moved: 1, stayed: 0 })
  t.same(told, ['link 0 1', 'a moment for 1', 'rooms of 0 to 1', 'row of 0 to 1'])
})

t.test('the destination is one until all have arrived', async (t) => {
  const arrival = deferred<() => void>()
  const { mover, peers, from, to } = new Places(1, { arrive: arrival.resolve })
  t.notOk(mover.isDestination(1))
  const moved = mover.move(peers, from, to)
  const tell = await arrival.promise
  t.same(
    [0, 1].map((index) => mover.isDestination(index)),
    [false, true],
  )
  tell()
  await moved
  t.notOk(mover.isDestination(1))
})

t.test('those that cannot move, or began to end meanwhile, have stayed', async (t) => {
  const none = new Places(2, { ready: () => [] })
  t.same(await none.mover.move(none.peers, none.from, none.to), { moved: 0, stayed: 2 })
  t.same(none.told, ['link 0 1', 'a moment for 2', '0 cancels', 'link 0 1', 'a while for 2', '0 cancels'])
  none.mover.onShardEnded(none.to)
  t.equal(none.told.length, 6, 'and that is the end of it')
  const ending = new Places(2, { ready: (keys) => keys.filter((key) => key === 0), stayed: [0] })
  t.same(await ending.mover.move(ending.peers, ending.from, ending.to), { moved: 0, stayed: 2 })
  t.same([ending.mover.totals, ending.from.assigned, ending.to.assigned], [{ moved: 0, stayed: 2 }, 0, 0])
  t.ok(ending.told.includes('rooms of 0 to 0'), 'and are at home again')
})
