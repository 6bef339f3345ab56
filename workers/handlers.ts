import { asHandler } from '../src/shared/as-handler.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import type { Handler } from '../src/shared/handler.ts'

/** The handler modules of a shard, by the index that main has given them. */
export class Handlers {
  readonly #handlers = new Map<number, Handler>()

  /** Rejects with what the module throws, or with HANDLER_LOAD_FAILED if it exports no handler. */
  static async load(urls: readonly string[]): Promise<Handlers> {
    const handlers = new Handlers()
    await Promise.all(urls.map((url, index) => handlers.load(index, url)))
    return handlers
  }

  /** Rejects as the static method does. */
  async load(index: number, url: string): Promise<void> {
    const module: { default?: unknown } = await import(url)
    try {
      this.#handlers.set(index, asHandler(module.default))
    } catch (cause) {
      throw new ShardwsError('HANDLER_LOAD_FAILED', `${url}: its default export is no handler: ${cause}`, { cause })
    }
  }

  get(index: number): Handler | undefined {
    return this.#handlers.get(index)
  }
}
