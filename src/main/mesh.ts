import { MessageChannel } from 'node:worker_threads'
import { allocateCredit } from '../shared/credit.ts'
import type { Connect } from '../shared/messages.ts'

interface MeshShard {
  readonly index: number
  readonly link: { connect(connect: Connect): void; disconnect(sibling: number): void }
}

/** A link between every two shards, so that what handlers in them send to each other does not pass through main. */
export class Mesh {
  readonly #shards = new Set<MeshShard>()
  readonly #links = new WeakMap<MeshShard, WeakSet<MeshShard>>()
  #isOn = false

  /** From now on shards are linked. */
  enable(): void {
    if (this.#isOn) return
    this.#isOn = true
    for (const shard of this.#shards) this.#connectToAll(shard)
  }

  /** Links these two, if they are not. */
  connect(one: MeshShard, other: MeshShard): void {
    const linked = this.#links.get(one) ?? new WeakSet()
    if (one === other || linked.has(other)) return
    this.#links.set(one, linked.add(other))
    this.#links.set(other, (this.#links.get(other) ?? new WeakSet()).add(one))
    connect(one, other)
  }

  add(shard: MeshShard): void {
    this.#shards.add(shard)
    if (this.#isOn) this.#connectToAll(shard)
  }

  /** It has ended, for main: its thread, whose end would close the links, may be stuck, and its index goes to a successor. */
  remove(shard: MeshShard): void {
    this.#shards.delete(shard)
    const linked = this.#links.get(shard)
    for (const other of this.#shards) if (linked?.has(other)) other.link.disconnect(shard.index)
  }

  #connectToAll(shard: MeshShard): void {
    for (const other of this.#shards) this.connect(shard, other)
  }
}

function connect(one: MeshShard, other: MeshShard): void {
  const { port1, port2 } = new MessageChannel()
  const credit = allocateCredit()
  one.link.connect({ kind: 'connect', sibling: other.index, port: port1, credit, end: 0 })
  other.link.connect({ kind: 'connect', sibling: one.index, port: port2, credit, end: 1 })
}
