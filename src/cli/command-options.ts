import { usageError } from './command-error.ts'

/** What follows the name of an option. */
type Takes = 'nothing' | 'a value' | 'perhaps a value'

/** An option of a command: how it is written, what it means, and what its text becomes. */
export interface CommandOption<Value> {
  readonly takes: Takes
  /** What stands for the value in the help. */
  readonly placeholder: string
  readonly help: string
  readonly short?: string
  readonly absent: Value
  /** How the help writes `absent`, '' for nothing. */
  readonly shown: string
  /** `text` is undefined where there is none; `former`: what it was, for options that may be repeated. Throws what it must be. */
  read(text: string | undefined, former: Value): Value
}

// biome-ignore lint/suspicious/noExplicitAny: the values of a table have many types, each known to `ValuesOf`
export type OptionTable = Readonly<Record<string, CommandOption<any>>>

export type ValuesOf<Table extends OptionTable> = {
  readonly [name in keyof Table]: Table[name] extends CommandOption<infer Value> ? Value : never
}

/** Thrown by `read`; whoever knows the name of the option completes it. */
class ExpectedValue extends Error {}

export function flag(help: string, short?: string): CommandOption<boolean> {
  return {
    takes: 'nothing',
    placeholder: '',
    help,
    absent: false,
    shown: '',
    read: () => true,
    ...(short && { short }),
  }
}

export function text(placeholder: string, help: string): CommandOption<string | undefined> {
  return { takes: 'a value', placeholder, help, absent: undefined, shown: '', read: (given) => given }
}

export function textOr(absent: string, placeholder: string, help: string): CommandOption<string> {
  return { takes: 'a value', placeholder, help, absent, shown: absent, read: (given = absent) => given }
}

/** May be repeated. */
export function texts(placeholder: string, help: string): CommandOption<readonly string[]> {
  return {
    takes: 'a value',
    placeholder,
    help,
    absent: [],
    shown: '',
    read: (given = '', former) => [...former, given],
  }
}

/** `--name` or `--name=value`. */
export function textIf(usual: string, placeholder: string, help: string): CommandOption<string | undefined> {
  return { takes: 'perhaps a value', placeholder, help, absent: undefined, shown: '', read: (given = usual) => given }
}

export function choiceIf<Choice extends string>(
  usual: Choice,
  choices: readonly Choice[],
  help: string,
): CommandOption<Choice | undefined> {
  const read = (given: string = usual): Choice => choiceOf(given, choices)
  return { takes: 'perhaps a value', placeholder: choices.join('|'), help, absent: undefined, shown: '', read }
}

export function choice<Choice extends string>(
  absent: Choice,
  choices: readonly Choice[],
  help: string,
): CommandOption<Choice> {
  const read = (given: string = absent): Choice => choiceOf(given, choices)
  return { takes: 'a value', placeholder: choices.join('|'), help, absent, shown: absent, read }
}

interface Range {
  readonly least: number
  readonly most: number
}

/** A whole number. */
export function integer<Absent extends number | undefined>(
  absent: Absent,
  { least, most }: Range,
  placeholder: string,
  help: string,
): CommandOption<number | Absent> {
  const read = (given = ''): number => {
    const number = Number(given)
    if (/^\d+$/.test(given) && number >= least && number <= most) return number
    throw new ExpectedValue(`a whole number from ${least} to ${most}`)
  }
  return { takes: 'a value', placeholder, help, absent, shown: absent === undefined ? '' : String(absent), read }
}

/** Seconds, also parts of one; the command gets milliseconds. */
export function seconds<Absent extends number | undefined>(
  absentMs: Absent,
  { least, most }: Range,
  help: string,
): CommandOption<number | Absent> {
  const read = (given = ''): number => {
    const number = Number(given)
    if (/^\d+(\.\d+)?$/.test(given) && number >= least && number <= most) return Math.round(number * 1000)
    throw new ExpectedValue(`seconds, from ${least} to ${most}`)
  }
  const shown = absentMs === undefined ? '' : String(absentMs / 1000)
  return { takes: 'a value', placeholder: 'seconds', help, absent: absentMs, shown, read }
}

function choiceOf<Choice extends string>(given: string, choices: readonly Choice[]): Choice {
  const found = choices.find((each) => each === given)
  if (found === undefined) throw new ExpectedValue(`one of ${choices.join(', ')}`)
  return found
}

/** @throws CommandError */
export function readOption<Value>(
  name: string,
  option: CommandOption<Value>,
  given: string | undefined,
  former: Value,
): Value {
  try {
    return option.read(given, former)
  } catch (error) {
    if (!(error instanceof ExpectedValue)) throw error
    throw usageError(`--${name} must be ${error.message}, got '${given}'`)
  }
}
