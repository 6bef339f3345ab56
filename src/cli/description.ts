import type { OptionTable } from './command-options.ts'

/** What a command says of itself. */
export interface Description<Table extends OptionTable> {
  readonly name: string
  /** What follows the name: '[handler]'. */
  readonly operands: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What its own help says besides, line by line. */
  readonly details: readonly string[]
  readonly examples: readonly string[]
  readonly options: Table
}
