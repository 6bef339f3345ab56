import { ERRORS, type ErrorCode } from '../shared/errors.ts'
import type { MainCounters } from './main-counters.ts'
import type { ResolvedOptions } from './options.ts'

/** Whose limits refuse, and where it is noted. */
export interface RefusalContext {
  readonly options: ResolvedOptions
  readonly counters: MainCounters
}

/** Counts and logs that a client was refused. */
export function recordRefusal(
  { options, counters }: RefusalContext,
  code: ErrorCode,
  why: string = ERRORS[code].message,
): void {
  counters.countRejected(code)
  const { option } = ERRORS[code]
  options.logger.info(option === undefined ? { code } : { code, option }, `handshake refused: ${why}`)
}
