import { ExitCode } from './exit-code.ts'

/** What the user is told in one line: what is wrong, and what to do about it. */
export class CommandError extends Error {
  readonly exitCode: ExitCode

  constructor(message: string, exitCode: ExitCode = ExitCode.FAILURE) {
    super(message)
    this.exitCode = exitCode
  }
}

/** The command line itself is wrong. */
export function usageError(message: string): CommandError {
  return new CommandError(message, ExitCode.USAGE)
}
