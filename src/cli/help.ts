import type { CommandOption, OptionTable } from './command-options.ts'
import type { Description } from './description.ts'
import type { Output } from './terminal.ts'

export const EXIT_CODES = 'Exit codes: 0 fine, 1 failure, 2 wrong usage.'

/** The help of one command, as wide as it is. */
export function formatHelp(description: Description<OptionTable>, out: Output): string {
  const { name, operands, summary, details, options, examples } = description
  const title = (text: string): string => out.paint('bold', text)
  const rows = Object.entries(options).map(([option, spec]) => [spelling(option, spec), meaning(spec)] as const)
  return [
    `${title('Usage:')} shardws ${[name, operands, '[options]'].filter(Boolean).join(' ')}`,
    '',
    summary,
    ...details,
    '',
    title('Options'),
    ...formatRows(rows),
    '',
    title('Examples'),
    ...examples.map((example) => `  ${example}`),
    '',
    EXIT_CODES,
    '',
  ].join('\n')
}

/** Two columns, the first as wide as it must be. */
export function formatRows(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([first]) => first.length))
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`)
}

function spelling(name: string, { takes, placeholder, short }: CommandOption<unknown>): string {
  const long = short === undefined ? `--${name}` : `-${short}, --${name}`
  if (takes === 'nothing') return long
  return takes === 'a value' ? `${long} <${placeholder}>` : `${long}[=${placeholder}]`
}

function meaning({ help, shown }: CommandOption<unknown>): string {
  return shown === '' ? help : `${help} (default ${shown})`
}
