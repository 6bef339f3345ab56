import { parseCommandLine } from './command-line.ts'
import { flag, type OptionTable, type ValuesOf } from './command-options.ts'
import type { Description } from './description.ts'
import { ExitCode } from './exit-code.ts'
import { formatHelp } from './help.ts'
import type { Terminal } from './terminal.ts'

export interface Command {
  readonly name: string
  readonly summary: string
  /** @throws CommandError */
  run(args: readonly string[], terminal: Terminal): Promise<ExitCode>
}

const HELP = { help: flag('print this help', 'h') }

type Run<Table extends OptionTable> = (
  values: ValuesOf<Table>,
  operands: readonly string[],
  terminal: Terminal,
) => Promise<ExitCode>

/** A command that also answers to `--help`. */
export function command<Table extends OptionTable>(description: Description<Table>, run: Run<Table>): Command {
  const { name, summary } = description
  const options = { ...description.options, ...HELP }
  return {
    name,
    summary,
    run: async (args, terminal) => {
      const { values, positionals } = parseCommandLine(args, options)
      if (!values.help) return run(values as ValuesOf<Table>, positionals, terminal)
      terminal.out.write(formatHelp({ ...description, options }, terminal.out))
      return ExitCode.FINE
    },
  }
}
