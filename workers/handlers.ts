import { asHandler } from '../src/shared/as-handler.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import type { Handler, Verdict } from '../src/shared/handler.ts'
import { type RequestFields, UpgradeRequest } from '../src/shared/upgrade-request.ts'
import { decodeValue, encodeError, encodeValue } from '../src/shared/values.ts'
import { verdictOf } from '../src/shared/verdict.ts'

const NO_ERROR = new Uint8Array(0)

/** The handler modules of a shard, by the index that main has given them. */
export class Handlers {
  readonly #handlers = new Map<number, Handler>()

  /**
   * Resolves with what to tell main: nothing if it is loaded, or else the error as of `encodeError`, which is what the module
   * throws, or says that it exports no handler. Never rejects.
   */
  async load(index: number, url: string): Promise<Uint8Array> {
    try {
      const module: { default?: unknown } = await import(url)
      this.#handlers.set(index, handlerOf(module))
      return NO_ERROR
    } catch (error) {
      return encodeError(error)
    }
  }

  get isEmpty(): boolean {
    return this.#handlers.size === 0
  }

  get(index: number): Handler | undefined {
    return this.#handlers.get(index)
  }

  /** Whether the module wants to be asked about a client before it is let in. */
  mustJudge(index: number): boolean {
    return this.get(index)?.upgrade !== undefined
  }

  /** What the module's `upgrade` says, or throws. */
  async verdictOf(index: number, request: UpgradeRequest): Promise<Verdict | Error> {
    try {
      return verdictOf(await this.get(index)?.upgrade?.(request))
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  /** As `verdictOf`, for main: `request` and the answer as of `encodeValue`. Never rejects. */
  async judge(index: number, request: Buffer): Promise<Buffer> {
    try {
      const fields = decodeValue(request) as RequestFields
      return encodeValue(await this.get(index)?.upgrade?.(new UpgradeRequest(fields)), 'the verdict')
    } catch (error) {
      return encodeError(error)
    }
  }
}

function handlerOf(module: { default?: unknown }): Handler {
  try {
    return asHandler(module.default)
  } catch (cause) {
    throw new ShardwsError('HANDLER_LOAD_FAILED', `its default export is no handler: ${(cause as Error).message}`)
  }
}
