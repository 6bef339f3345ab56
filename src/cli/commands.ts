import { createRequire } from 'node:module'
import { nearestName } from '../main/nearest-name.ts'
import { BENCH } from './bench/bench.ts'
import type { Command } from './command.ts'
import { usageError } from './command-error.ts'
import { CONNECT } from './connect/connect.ts'
import { ExitCode } from './exit-code.ts'
import { EXIT_CODES, formatRows } from './help.ts'
import { SERVE } from './serve/serve.ts'
import type { Terminal } from './terminal.ts'
import { TOP } from './top/top.ts'

const COMMANDS: readonly Command[] = [SERVE, CONNECT, BENCH, TOP]

/** Runs what the words after `shardws` ask for. @throws CommandError */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const [first, ...rest] = args
  if (first === undefined) {
    terminal.err.write(overview(terminal))
    return ExitCode.USAGE
  }
  if (first === '--version' || first === '-V' || first === 'version') return tell(terminal, `${version()}\n`)
  if (first === 'help' && rest[0] !== undefined) return find(rest[0]).run(['--help'], terminal)
  if (first === '--help' || first === '-h' || first === 'help') return tell(terminal, overview(terminal))
  if (first.startsWith('-')) throw usageError(`${first} must come after a command: shardws serve ${first}`)
  return find(first).run(rest, terminal)
}

function find(name: string): Command {
  const found = COMMANDS.find((each) => each.name === name)
  if (found !== undefined) return found
  const nearest = nearestName(
    name,
    COMMANDS.map((each) => each.name),
  )
  throw usageError(`unknown command '${name}'; did you mean shardws ${nearest}?`)
}

function overview({ out }: Terminal): string {
  return [
    `${out.paint('bold', 'Usage:')} shardws <command> [options]`,
    '',
    'A WebSocket server whose connections live on worker threads, and tools for it and any other.',
    '',
    ...formatRows(COMMANDS.map(({ name, summary }) => [name, summary])),
    '',
    'shardws <command> --help tells what a command takes, shardws --version which one this is.',
    EXIT_CODES,
    '',
  ].join('\n')
}

/** The package finds itself by name, wherever tsc has put this file. */
function version(): string {
  return (createRequire(import.meta.url)('shardws/package.json') as { version: string }).version
}

function tell({ out }: Terminal, text: string): ExitCode {
  out.write(text)
  return ExitCode.FINE
}
