import { parseArgs } from 'node:util'
import { nearestName } from '../main/nearest-name.ts'
import { usageError } from './command-error.ts'
import { type OptionTable, readOption, type ValuesOf } from './command-options.ts'

export interface CommandLine<Table extends OptionTable> {
  readonly values: ValuesOf<Table>
  readonly positionals: readonly string[]
}

/** @throws CommandError naming the option and the fix. */
export function parseCommandLine<Table extends OptionTable>(args: readonly string[], table: Table): CommandLine<Table> {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { takes, short }]) => [
      name,
      { type: takes === 'a value' ? ('string' as const) : ('boolean' as const), ...(short && { short }) },
    ]),
  )
  // Not strict: its messages know neither the nearest name nor the range.
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true })
  const values: Record<string, unknown> = Object.fromEntries(
    Object.entries(table).map(([name, { absent }]) => [name, absent]),
  )
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const { name, rawName, value, inlineValue } = token
    const option = Object.hasOwn(table, name) ? table[name] : undefined
    if (option === undefined) throw unknownOption(rawName, Object.keys(table))
    if (option.takes === 'nothing' && inlineValue) throw usageError(`--${name} takes no value, got '${value}'`)
    if (option.takes === 'a value' && isMissing(value, inlineValue)) {
      throw usageError(`--${name} needs a value: --${name} <${option.placeholder}>`)
    }
    values[name] = readOption(name, option, value, values[name])
  }
  return { values: values as ValuesOf<Table>, positionals }
}

/** `--port --host x` forgets the port; what really begins with a dash is written `--header=-x`. */
function isMissing(value: string | undefined, isInline: boolean | undefined): boolean {
  return value === undefined || (isInline !== true && value.startsWith('-') && value.length > 1)
}

function unknownOption(given: string, names: readonly string[]): Error {
  const nearest = nearestName(given.replace(/^-+/, ''), names)
  return usageError(`unknown option ${given}; did you mean --${nearest}?`)
}
