import type { StandIn } from '../shared/dispatcher.ts'
import { ShardwsError } from '../shared/errors.ts'
import type { Socket } from '../shared/socket.ts'
import { decodeError } from '../shared/values.ts'
import type { ResolvedOptions } from './options.ts'

/** What the registry needs of a running shard. */
interface LoadingShard {
  readonly link: { load(module: number, url: string): void }
  abandon(cause: ShardwsError): void
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
  /** Fulfilled when every shard has it that was there meanwhile; rejected with HANDLER_LOAD_FAILED. */
  readonly isReady: Promise<void>
  readonly #loading = new Set<LoadingShard>()
  #state: 'loading' | 'loaded' | 'failed' = 'loading'
  #isSomewhere = false
  #settle: (error: ShardwsError | null) => void = () => {}

  constructor(index: number, url: string) {
    this.index = index
    this.url = url
    this.isReady = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === null ? resolve() : reject(error))
    })
    // Whoever needs it awaits it.
    this.isReady.catch(() => {})
  }

  loadInto(shard: LoadingShard): void {
    this.expect(shard)
    shard.link.load(this.index, this.url)
  }

  /** The shard loads it unasked, before it is ready, and will say how that went. */
  expect(shard: LoadingShard): void {
    this.#loading.add(shard)
  }

  open(socket: Socket): void {
    ;(socket as Socket & Admissible).admit()
  }

  /** `cause` as the shard has caught it, undefined for none. */
  loaded(shard: LoadingShard, cause?: unknown): void {
    if (cause === undefined) {
      this.#isSomewhere = true
      return this.forget(shard)
    }
    const error = new ShardwsError('HANDLER_LOAD_FAILED', `${this.url} could not be loaded: ${cause}`, { cause })
    // Where others have it, a shard that has not would lose every connection that it is given.
    if (this.#state === 'loaded') shard.abandon(error)
    else this.#become('failed', error)
  }

  /** The shard has it or is gone. */
  forget(shard: LoadingShard): void {
    this.#loading.delete(shard)
    if (this.#state === 'loading' && this.#isSomewhere && this.#loading.size === 0) this.#become('loaded', null)
  }

  #become(state: 'loaded' | 'failed', error: ShardwsError | null): void {
    this.#state = state
    this.#settle(error)
  }
}

/**
 * What these options decide about is in the shards then, where functions of main cannot be.
 *
 * @throws ShardwsError OPTION_INVALID
 */
export function assertModulesPossible({ canJoin, guards }: Pick<ResolvedOptions, 'canJoin' | 'guards'>): void {
  if (canJoin === undefined && guards.validate === null) return
  const name = canJoin === undefined ? 'validate' : 'canJoin'
  throw new ShardwsError(
    'OPTION_INVALID',
    `options.${name} runs on main, handler modules do not: put ${name} into the module's handler instead`,
  )
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

  at(index: number): HandlerModule | null {
    return this.#modules[index] ?? null
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
    const module = new HandlerModule(this.#modules.length, href)
    this.#modules.push(module)
    for (const shard of this.#shards()) module.loadInto(shard)
    return module
  }

  /** `error` as of `encodeError`, empty for none. */
  onLoaded(shard: LoadingShard, index: number, error: Buffer): void {
    this.#modules[index]?.loaded(shard, error.length === 0 ? undefined : decodeError(error))
  }

  /** @param known How many modules the shard was started with: it is told of the others. */
  onShardCreated(shard: LoadingShard, known: number): void {
    for (const module of this.#modules) {
      if (module.index < known) module.expect(shard)
      else module.loadInto(shard)
    }
  }

  onShardEnded(shard: LoadingShard): void {
    for (const module of this.#modules) module.forget(shard)
  }
}
