import { encodeValue } from '../shared/values.ts'
import type { ShardLink } from './shard-link.ts'

/** Small data that is read much more than written: main sets it, and handlers in the shards see a copy. */
export class ServerState extends Map<string, unknown> {
  readonly #links: () => Iterable<ShardLink>

  constructor(links: () => Iterable<ShardLink>) {
    super()
    this.#links = links
  }

  /** Handlers see a copy of the value as it is now. @throws ShardwsError ARGUMENT_INVALID */
  override set(key: string, value: unknown): this {
    const bytes = encodeValue(value, 'value')
    for (const link of this.#links()) link.setState(key, bytes)
    return super.set(key, value)
  }

  override delete(key: string): boolean {
    for (const link of this.#links()) link.deleteState(key)
    return super.delete(key)
  }

  override clear(): void {
    for (const key of [...this.keys()]) this.delete(key)
  }

  /** To a shard that has just been started. */
  postAll(link: ShardLink): void {
    for (const [key, value] of this) link.setState(key, encodeValue(value, 'value'))
  }
}
