import { type ErrorCode, ShardwsError } from '../src/shared/errors.ts'
import { decodeError, decodeValue, encodeValue } from '../src/shared/values.ts'

interface MainAsked {
  hasCredit(): boolean
  compute(request: number, task: Uint8Array): void
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Tasks that handlers in this shard have had computed, by way of main. How many there may be is main's to limit. */
export class ComputeRequests {
  readonly #link: MainAsked
  readonly #waiting = new Map<number, Waiting>()
  #last = 0

  constructor(link: MainAsked) {
    this.#link = link
  }

  /** See `HandlerServer.compute`. */
  async run(task: unknown): Promise<unknown> {
    const bytes = encodeValue(task, 'task')
    if (!this.#link.hasCredit()) throw new ShardwsError('LINK_FULL')
    const request = ++this.#last
    return new Promise((resolve, reject) => {
      this.#waiting.set(request, { resolve, reject })
      this.#link.compute(request, bytes)
    })
  }

  /** `code` is an ErrorCode or ''. */
  onComputed(request: number, hasFailed: boolean, code: string, result: Buffer): void {
    const waiting = this.#waiting.get(request)
    this.#waiting.delete(request)
    if (!hasFailed) waiting?.resolve(decodeValue(result))
    else waiting?.reject(failure(code, decodeError(result)))
  }

  /** Nobody answers any more. */
  stop(): void {
    for (const { reject } of this.#waiting.values()) reject(new ShardwsError('SERVER_CLOSED'))
    this.#waiting.clear()
  }
}

function failure(code: string, error: Error): Error {
  return code === '' ? error : new ShardwsError(code as ErrorCode, error.message, { cause: error })
}
