import { performance } from 'node:perf_hooks'
import { Signals } from '../../main/signals.ts'
import { command } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { ExitCode } from '../exit-code.ts'
import { count, plural } from '../figures.ts'
import type { Output, Terminal } from '../terminal.ts'
import { BENCH_OPTIONS, type BenchOptions, planLoad } from './bench-options.ts'
import type { LoadPlan } from './load-plan.ts'
import { LoadThreads } from './load-threads.ts'
import { formatReport } from './report.ts'
import { summarize } from './summary.ts'

const PROGRESS_MS = 200

export const BENCH = command(
  {
    name: 'bench',
    operands: '<ws-url>',
    summary: 'Measure an echo server: throughput, latency, errors.',
    details: [
      '',
      'Every connection sends messages and compares what comes back, byte by byte: the server must echo, in order.',
      'What is measured is measured from this machine. Aim it only at servers that are yours to load.',
    ],
    options: BENCH_OPTIONS,
    examples: [
      'shardws bench ws://127.0.0.1:8080/',
      'shardws bench ws://127.0.0.1:8080/ --connections 1000 --in-flight 16 --seconds 30 --threads 4',
      'shardws bench wss://example.org/echo --rate 500 --text --json',
    ],
  },
  measure,
)

async function measure(options: BenchOptions, operands: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const plan = planLoad(options, operands)
  const load = new LoadThreads(plan, Math.min(options.threads, plan.connections))
  let wasInterrupted = false
  const signals = new Signals(
    () => {
      wasInterrupted = true
      load.stop()
    },
    () => void load.end().then(() => process.exit(ExitCode.FAILURE)),
  )
  const progress = showProgress(load, plan, terminal.err)
  try {
    const { open, firstError } = await load.opened()
    if (open === 0 && !wasInterrupted) throw new CommandError(`no connection could be opened: ${firstError}`)
    const { summary, latencies } = summarize(plan, await progress.during(load.run()), wasInterrupted)
    terminal.out.write(
      options.json ? `${JSON.stringify(summary, rounded)}\n` : formatReport(summary, latencies, terminal.out),
    )
    const { errors, messages } = summary
    const isFine = Object.keys(errors).length === 0 && messages.unanswered === 0
    return isFine ? ExitCode.FINE : ExitCode.FAILURE
  } finally {
    progress.stop()
    signals.stop()
    await load.end()
  }
}

/** Nothing here is known more exactly. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1000) / 1000 : value
}

interface Progress {
  during<Result>(run: Promise<Result>): Promise<Result>
  stop(): void
}

/** One line that is rewritten, on a terminal. */
function showProgress(load: LoadThreads, plan: LoadPlan, err: Output): Progress {
  let startedMs: number | null = null
  const timer = setInterval(() => {
    const opening = `${count(load.open)} of ${plural(plan.connections, 'connection')}`
    if (startedMs === null) return err.live(opening)
    const seconds = (performance.now() - startedMs) / 1000
    const end = plan.messages === null ? '' : ` of ${count(plan.messages)}`
    err.live(
      `${seconds.toFixed(1)} s  ${count(load.verified)}${end} echoes  ${count(load.verified / seconds)}/s  ${opening}`,
    )
  }, PROGRESS_MS)
  const stop = (): void => {
    clearInterval(timer)
    err.live('')
  }
  return {
    during: async (run) => {
      startedMs = performance.now()
      const result = await run
      // Before the report is printed.
      stop()
      return result
    },
    stop,
  }
}
