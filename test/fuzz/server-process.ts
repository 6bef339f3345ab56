import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServerName } from './servers.ts'

export type Ports = Readonly<Record<ServerName, number>>

export interface ServersReady {
  readonly ports: Ports
}

export interface ServerReport {
  /** What must never happen there, since the start. */
  readonly faults: readonly string[]
  /** Open descriptors, by what they refer to. */
  readonly descriptors: readonly string[]
  readonly gauges: readonly { readonly server: ServerName; readonly gauge: string; readonly value: number }[]
}

/** How long the process may take to start, to report and to end. */
const DEADLINE_MS = 30_000

/** The servers under test, in a process of their own. */
export class ServerProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<never>
  #ports: Ports | null = null
  #output = ''

  private constructor(shards: number) {
    const main = fileURLToPath(new URL(`./server-process-main${extname(import.meta.url)}`, import.meta.url))
    // Without tap's own preloads and settings.
    const { NODE_OPTIONS: _, ...env } = process.env
    this.#child = fork(main, [String(shards)], { env, execArgv: [], silent: true })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output = (this.#output + text).slice(-4000)))
    }
    this.#exited = once(this.#child, 'exit').then(([code, signal]) => {
      throw new Error(`the server process ended with ${code ?? signal}: ${this.#output}`)
    })
    this.#exited.catch(() => {})
  }

  static async start(shards: number): Promise<ServerProcess> {
    const server = new ServerProcess(shards)
    server.#ports = (await server.#answer<ServersReady>('its start')).ports
    return server
  }

  get ports(): Ports {
    if (this.#ports === null) throw new Error('not started')
    return this.#ports
  }

  /** What it has printed last. */
  get output(): string {
    return this.#output
  }

  /** Rejects when the process has ended. */
  report(): Promise<ServerReport> {
    if (this.#child.connected) this.#child.send('report', () => {})
    return this.#answer<ServerReport>('a report')
  }

  /** Ends the process, politely if it still listens; resolves with whether it did so of itself. */
  async stop(): Promise<boolean> {
    const exit = once(this.#child, 'exit')
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return false
    const deadline = setTimeout(() => this.#child.kill('SIGKILL'), DEADLINE_MS)
    if (this.#child.connected) this.#child.send('stop', () => {})
    else this.#child.kill('SIGKILL')
    const [code] = await exit
    clearTimeout(deadline)
    return code === 0
  }

  async #answer<T>(what: string): Promise<T> {
    const abort = new AbortController()
    const deadline = setTimeout(() => abort.abort(new Error(`${what}: not within ${DEADLINE_MS} ms`)), DEADLINE_MS)
    try {
      const [message] = await Promise.race([once(this.#child, 'message', { signal: abort.signal }), this.#exited])
      return message as T
    } finally {
      clearTimeout(deadline)
      abort.abort()
    }
  }
}
