import { setTimeout } from 'node:timers/promises'
import { Signals } from '../../main/signals.ts'
import { command } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { flag, seconds, texts, type ValuesOf } from '../command-options.ts'
import { ExitCode } from '../exit-code.ts'
import { explain } from '../explain.ts'
import { readHeader } from '../outgoing-request.ts'
import type { Terminal } from '../terminal.ts'
import { httpUrl } from '../url-argument.ts'
import { parseExposition } from './exposition.ts'
import { fetchText } from './fetch-text.ts'
import { readServers, type ServerReading } from './reading.ts'
import { Screen } from './screen.ts'
import { formatServer } from './table.ts'

const OPTIONS = {
  interval: seconds(1000, { least: 0.1, most: 3600 }, 'between two looks'),
  once: flag('print one table after one interval; always so where there is no terminal'),
  header: texts('Name: value', 'a header field of the requests; may be repeated'),
  insecure: flag('accept a certificate that nobody vouches for'),
  timeout: seconds(10_000, { least: 0.1, most: 600 }, 'for an answer'),
}

export const TOP = command(
  {
    name: 'top',
    operands: '<metrics-url>',
    summary: 'Watch a running shardws server, shard by shard.',
    details: [
      '',
      'It reads the metrics endpoint (metricsHandler of shardws/metrics, or shardws serve --metrics). q or Ctrl-C ends it.',
    ],
    options: OPTIONS,
    examples: [
      'shardws top http://127.0.0.1:8080/metrics',
      `shardws top https://example.org/metrics --once --header 'Authorization: Bearer …'`,
    ],
  },
  async (options, operands, terminal) => {
    const watch = new Watch(httpUrl(operands), options, terminal)
    const isLive = terminal.out.isTerminal && !options.once
    return isLive ? watch.live() : watch.once()
  },
)

type Readings = readonly ServerReading[]

/** Looks at one endpoint, again and again. */
class Watch {
  readonly #url: URL
  readonly #terminal: Terminal
  readonly #intervalMs: number
  readonly #fetch: () => Promise<string>
  readonly #over = new AbortController()

  constructor(url: URL, options: ValuesOf<typeof OPTIONS>, terminal: Terminal) {
    const headers = options.header.map(readHeader)
    this.#url = url
    this.#terminal = terminal
    this.#intervalMs = options.interval
    const { signal } = this.#over
    this.#fetch = () => fetchText(url, { headers, isInsecure: options.insecure, timeoutMs: options.timeout, signal })
  }

  /** Two looks, so that there are rates. */
  async once(): Promise<ExitCode> {
    const before = await this.#read()
    await this.#pause()
    const now = await this.#read()
    for (const line of this.#format(before, now)) this.#terminal.out.line(line)
    return ExitCode.FINE
  }

  async live(): Promise<ExitCode> {
    // What is wrong from the beginning is no reason to wait.
    let readings = await this.#read()
    const quit = (): void => this.#over.abort()
    const signals = new Signals(quit, quit)
    const screen = new Screen(this.#terminal, quit)
    try {
      screen.show(this.#format([], readings))
      for (;;) {
        await this.#pause()
        if (this.#over.signal.aborted) return ExitCode.FINE
        readings = await this.#refresh(screen, readings)
      }
    } finally {
      screen.leave()
      signals.stop()
    }
  }

  /** A server that is away may come back. */
  async #refresh(screen: Screen, before: Readings): Promise<Readings> {
    try {
      const now = await this.#read()
      screen.show(this.#format(before, now))
      return now
    } catch (error) {
      const { out } = this.#terminal
      screen.show([...this.#format([], before), '', out.paint('red', `no news: ${explain(error)}`)])
      return before
    }
  }

  async #read(): Promise<Readings> {
    const readings = readServers(parseExposition(await this.#fetch()))
    if (readings.length > 0) return readings
    throw new CommandError(
      `${this.#url.href} has no metrics of shardws; is it the path of metricsHandler or --metrics?`,
    )
  }

  #format(before: Readings, now: Readings): string[] {
    const { out } = this.#terminal
    const servers = now.map((server) =>
      formatServer(
        before.find(({ name }) => name === server.name),
        server,
        out,
      ),
    )
    return [out.paint('bold', this.#url.href), ...servers.flatMap((lines) => ['', ...lines])]
  }

  /** Until it is time for another look, or over. */
  async #pause(): Promise<void> {
    try {
      await setTimeout(this.#intervalMs, undefined, { signal: this.#over.signal })
    } catch {
      // It is over.
    }
  }
}
