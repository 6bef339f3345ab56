import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { ShutdownReport, WebSocketServerOptions } from '../../src/index.ts'

/** What the process tells, one line of JSON each. */
interface Told {
  readonly port?: number
  readonly draining?: number
  readonly report?: ShutdownReport
  readonly listeners?: number
}

/** A server in a process that nothing ends but signals, and itself. */
export class SpawnedServer {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<unknown[]>
  readonly #lines: AsyncIterator<string>

  /** @param openFiles What `ulimit -n` allows to the process. */
  constructor(t: Test, options: WebSocketServerOptions, openFiles?: number) {
    const main = fileURLToPath(new URL(`./spawned-server-main${extname(import.meta.url)}`, import.meta.url))
    // Without tap's own preloads and settings.
    const { NODE_OPTIONS: _, ...env } = process.env
    const command = [process.execPath, main, JSON.stringify({ shards: 2, ...options })]
    const limit = openFiles === undefined ? '' : `ulimit -n ${openFiles} && `
    this.child = spawn('sh', ['-c', `${limit}exec "$0" "$@"`, ...command], { env })
    this.ended = once(this.child, 'exit')
    t.teardown(() => this.child.kill('SIGKILL'))
    const lines = createInterface({ input: this.child.stdout })
    this.#lines = lines[Symbol.asyncIterator]()
  }

  async told(): Promise<Told> {
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error('the process has ended')
    return JSON.parse(value) as Told
  }
}
