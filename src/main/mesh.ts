import { MessageChannel } from 'node:worker_threads'
import { allocateCredit } from '../shared/credit.ts'
import type { Connect } from '../shared/messages.ts'

interface MeshShard {
  readonly index: number
  readonly link: { connect(connect: Connect): void }
}

/** A link between every two shards, so that what handlers in them send to each other does not pass through main. */
export class Mesh {
  readonly #shards = new Set<MeshShard>()
  #isOn = false

  /** From now on shards are linked. */
  enable(): void {
    if (this.#isOn) return
    this.#isOn = true
    const shards = [...this.#shards]
    for (const [position, shard] of shards.entries()) {
      for (const other of shards.slice(position + 1)) connect(shard, other)
    }
  }

  add(shard: MeshShard): void {
    if (this.#isOn) for (const other of this.#shards) connect(shard, other)
    this.#shards.add(shard)
  }

  /** The ports of a thread that has ended close by themselves. */
  remove(shard: MeshShard): void {
    this.#shards.delete(shard)
  }
}

function connect(one: MeshShard, other: MeshShard): void {
  const { port1, port2 } = new MessageChannel()
  const credit = allocateCredit()
  one.link.connect({ kind: 'connect', sibling: other.index, port: port1, credit, end: 0 })
  other.link.connect({ kind: 'connect', sibling: one.index, port: port2, credit, end: 1 })
}
