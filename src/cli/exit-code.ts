/** How the command ends; the same for every one of them. */
export const ExitCode = {
  /** It did what it was asked to, or was asked to end. */
  FINE: 0,
  /** It could not: no server, a bad certificate, wrong answers. */
  FAILURE: 1,
  /** It was asked for something it does not know. */
  USAGE: 2,
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]
