#!/usr/bin/env node
/** The command `shardws`. */
import { CommandError } from './command-error.ts'
import { runCommandLine } from './commands.ts'
import { ExitCode } from './exit-code.ts'
import { explain } from './explain.ts'
import { Output, type Terminal } from './terminal.ts'

const terminal: Terminal = {
  out: new Output(process.stdout, process.env),
  err: new Output(process.stderr, process.env),
  input: process.stdin,
}

// `shardws bench … | head -1`: whoever read has read enough. A terminal that has gone says so by SIGHUP.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE' && !terminal.out.isOptional) process.exit(ExitCode.FINE)
})
process.stderr.on('error', () => {})

runCommandLine(process.argv.slice(2), terminal).then(
  (exitCode) => {
    process.exitCode = exitCode
  },
  (error: unknown) => {
    terminal.err.line(`${terminal.err.paint('red', 'shardws:')} ${explain(error)}`)
    process.exitCode = error instanceof CommandError ? error.exitCode : ExitCode.FAILURE
  },
)
