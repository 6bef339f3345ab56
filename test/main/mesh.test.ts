import t from 'tap'
import { Mesh } from '../../src/main/mesh.ts'
import type { Connect } from '../../src/shared/messages.ts'

function shard(index: number) {
  const connects: Connect[] = []
  const lost: number[] = []
  const link = {
    connect: (connect: Connect) => void connects.push(connect),
    disconnect: (sibling: number) => void lost.push(sibling),
  }
  return { index, connects, lost, link }
}

function siblingsOf({ connects }: ReturnType<typeof shard>): number[] {
  return connects.map(({ sibling }) => sibling).sort()
}

t.test('every two shards have one link, those that come later too', async (t) => {
  const mesh = new Mesh()
  const shards = [0, 1, 2].map(shard)
  t.teardown(() => {
    for (const { connects } of shards) for (const { port } of connects) port.close()
  })
  for (const each of shards.slice(0, 2)) mesh.add(each)
  t.same(shards.map(siblingsOf), [[], [], []], 'nobody needs it yet')
  mesh.enable()
  mesh.enable()
  t.same(shards.map(siblingsOf), [[1], [0], []])
  mesh.add(shards[2]!)
  t.same(shards.map(siblingsOf), [
    [1, 2],
    [0, 2],
    [0, 1],
  ])
})

t.test('the ends of a link share one memory, and are not the same end', async (t) => {
  const mesh = new Mesh()
  const [one, two] = [shard(0), shard(1)]
  mesh.enable()
  mesh.add(one)
  mesh.add(two)
  const [here, there] = [one.connects[0]!, two.connects[0]!]
  t.teardown(() => here.port.close())
  t.equal(here.credit, there.credit)
  t.same([here.end, there.end].sort(), [0, 1])
  const arrived = new Promise((resolve) => there.port.once('message', resolve))
  here.port.postMessage('hello')
  t.equal(await arrived, 'hello')
})

t.test('a shard that has ended gets no more links, and those it had are told before its successor comes', async (t) => {
  const mesh = new Mesh()
  const [gone, next, other] = [shard(0), shard(0), shard(1)]
  t.teardown(() => {
    for (const { port } of [...gone.connects, ...next.connects]) port.close()
  })
  mesh.enable()
  mesh.add(gone)
  mesh.add(other)
  mesh.remove(gone)
  t.same([gone.lost, other.lost, siblingsOf(other)], [[], [0], [0]])
  mesh.add(next)
  t.same([siblingsOf(gone), siblingsOf(next), siblingsOf(other)], [[1], [1], [0, 0]])
})
