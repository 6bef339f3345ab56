import type { Verdict } from './handler.ts'

/** What an answer of `verifyClient` or `upgrade` means. */
export function verdictOf(answer: boolean | Verdict | null | undefined): Verdict {
  return typeof answer === 'object' && answer !== null ? answer : { accept: answer === true }
}

/** A status without `accept` refuses. */
export function isAccepting(verdict: Verdict): boolean {
  return verdict.accept ?? verdict.status === undefined
}
