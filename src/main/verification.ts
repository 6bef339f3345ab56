import type { ErrorCode } from '../shared/errors.ts'
import { ShardwsError } from '../shared/errors.ts'
import type { Verdict } from '../shared/handler.ts'
import type { Answer } from '../shared/handoff/refusal.ts'
import { isAccepting, verdictOf } from '../shared/verdict.ts'
import type { ResolvedOptions, VerifyClient } from './options.ts'

export interface VerificationContext {
  readonly options: Pick<ResolvedOptions, 'verifyTimeoutMs'>
  /** By the clock of `isDue`. */
  readonly nowMs: number
  onError(error: Error): void
}

/** The client about whom is decided. */
interface Verified {
  /** Refuses the client. */
  fail(code: ErrorCode, answer?: Partial<Answer>): void
  /** The socket is somebody else's from now on, who has answered the client with this status. */
  leave(status: number | undefined): void
}

/** What the application decides about one client: `verifyClient` first, then the handler of its route, each in its time. */
export class Verification {
  readonly #client: Verified
  readonly #context: VerificationContext
  /** By when whoever is asked must have decided. */
  #dueMs = Number.POSITIVE_INFINITY

  constructor(client: Verified, context: VerificationContext) {
    this.#client = client
    this.#context = context
  }

  /** Whether whoever was asked has not decided in time. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueMs
  }

  /** Somebody is asked from now on, whose answer goes to `judge`. */
  begin(): void {
    this.#dueMs = this.#context.nowMs + this.#context.options.verifyTimeoutMs
  }

  /** Asks whoever is to decide about the client; null: it was refused, or answered by them. */
  async ask(decide: () => ReturnType<VerifyClient>): Promise<Verdict | null> {
    this.begin()
    try {
      const answer = await decide()
      if (typeof answer !== 'object' || answer?.answered !== true) return this.judge(answer)
      this.#client.leave(answer.status)
      return null
    } catch (error) {
      return this.judge(error as Error)
    }
  }

  /** What an answer means; a refusal is sent, and null returned. */
  judge(answer: boolean | Verdict | Error): Verdict | null {
    this.#dueMs = Number.POSITIVE_INFINITY
    if (answer instanceof Error) {
      this.#context.onError(new ShardwsError('VERIFY_FAILED', undefined, { cause: answer }))
      this.#client.fail('VERIFY_FAILED')
      return null
    }
    const verdict = verdictOf(answer)
    if (isAccepting(verdict)) return verdict
    const { status = 401, headers, body } = verdict
    this.#client.fail('UNAUTHORIZED', { status, ...(headers && { headers }), ...(body === undefined ? {} : { body }) })
    return null
  }
}
