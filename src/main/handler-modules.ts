import type { StandIn } from '../shared/dispatcher.ts'
import { ShardwsError } from '../shared/errors.ts'
import type { Socket } from '../shared/socket.ts'
import { decodeValue } from '../shared/values.ts'

/** What the registry needs of a running shard. */
interface LoadingShard {
  readonly link: { load(module: number, url: string): void }
}

/** Main's side of a connection that a shard handles. */
interface Admissible {
  admit(): void
}

/**
 * A module whose default export handles connections in the shards. To main's dispatcher it is a handler that passes
 * each connection on when the middleware has let it in.
 */
export class HandlerModule implements StandIn {
  readonly isStandIn = true
  readonly index: number
  url: string
  /** Fulfilled when every shard has it; rejected with HANDLER_LOAD_FAILED. */
  readonly isReady: Promise<void>
  readonly #loading = new Set<LoadingShard>()
  #settle: (error: ShardwsError | null) => void = () => {}

  constructor(index: number, url: string, shards: Iterable<LoadingShard>) {
    this.index = index
    this.url = url
    this.isReady = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === null ? resolve() : reject(error))
    })
    // Whoever needs it awaits it.
    this.isReady.catch(() => {})
    for (const shard of shards) this.loadInto(shard)
    this.#check()
  }

  loadInto(shard: LoadingShard): void {
    this.#loading.add(shard)
    shard.link.load(this.index, this.url)
  }

  open(socket: Socket): void {
    ;(socket as Socket & Admissible).admit()
  }

  /** `cause` as the shard has caught it, undefined for none. */
  loaded(shard: LoadingShard, cause?: unknown): void {
    if (cause === undefined) return this.forget(shard)
    this.#settle(new ShardwsError('HANDLER_LOAD_FAILED', `${this.url} could not be loaded: ${cause}`, { cause }))
  }

  /** The shard has it or is gone. */
  forget(shard: LoadingShard): void {
    this.#loading.delete(shard)
    this.#check()
  }

  #check(): void {
    if (this.#loading.size === 0) this.#settle(null)
  }
}

/** The handler modules of a server: main names them, every shard loads them. */
export class HandlerModules {
  readonly #modules: HandlerModule[] = []
  readonly #shards: () => Iterable<LoadingShard>
  readonly #onFirst: () => void

  /** @param onFirst Called when there is a module for the first time. */
  constructor(shards: () => Iterable<LoadingShard>, onFirst: () => void) {
    this.#shards = shards
    this.#onFirst = onFirst
  }

  get isEmpty(): boolean {
    return this.#modules.length === 0
  }

  /** New shards load this instead of the first module. Returns what takes that back. @throws ShardwsError ARGUMENT_INVALID */
  replace({ href }: URL): () => void {
    const [first] = this.#modules
    if (first === undefined)
      throw new ShardwsError('ARGUMENT_INVALID', 'handler: there is no handler module to replace')
    const former = first.url
    first.url = href
    return () => {
      first.url = former
    }
  }

  /** URLs by index: what a new shard has to load. */
  get urls(): readonly string[] {
    return this.#modules.map(({ url }) => url)
  }

  /** Fulfilled when every shard has every module; rejected with HANDLER_LOAD_FAILED. */
  async ready(): Promise<void> {
    await Promise.all(this.#modules.map(({ isReady }) => isReady))
  }

  /** The module at this URL. The shards that run already begin to load it. */
  add({ href }: URL): HandlerModule {
    const known = this.#modules.find(({ url }) => url === href)
    if (known !== undefined) return known
    if (this.#modules.length === 0) this.#onFirst()
    const module = new HandlerModule(this.#modules.length, href, this.#shards())
    this.#modules.push(module)
    return module
  }

  /** `error` as of `encodeValue`, empty for none. */
  onLoaded(shard: LoadingShard, index: number, error: Buffer): void {
    this.#modules[index]?.loaded(shard, error.length === 0 ? undefined : decodeValue(error))
  }

  /** @param known How many modules the shard was started with: it begins to load the others. */
  onShardCreated(shard: LoadingShard, known: number): void {
    for (const module of this.#modules.slice(known)) module.loadInto(shard)
  }

  onShardEnded(shard: LoadingShard): void {
    for (const module of this.#modules) module.forget(shard)
  }
}
