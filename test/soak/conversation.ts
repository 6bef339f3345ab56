import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** How long a process may take for one answer. */
const DEADLINE_MS = 60_000

interface Question {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

/** A process of this soak that answers questions by name. */
export class Talker {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  readonly #exited: Promise<unknown>
  #last = 0
  #output = ''

  constructor(main: URL, environment: Readonly<Record<string, string>> = {}) {
    // Without tap's own preloads and settings.
    const { NODE_OPTIONS: _, ...env } = process.env
    this.#child = fork(fileURLToPath(main), [], { env: { ...env, ...environment }, execArgv: [], silent: true })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-4000)
      })
    }
    this.#child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
    this.#exited = once(this.#child, 'exit')
    void this.#exited.then(() => {
      for (const [id, settle] of this.#waiting) settle({ id, error: `the process has ended: ${this.#output}` })
      this.#waiting.clear()
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** What it has printed last. */
  get output(): string {
    return this.#output
  }

  /** Rejects when the process fails at it, has ended, or takes more than a minute. */
  ask<Result>(name: string, argument?: unknown): Promise<Result> {
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => settle({ id, error: `no answer within ${DEADLINE_MS} ms` }), DEADLINE_MS)
      const settle = ({ result, error }: Answer): void => {
        clearTimeout(deadline)
        if (error === undefined) resolve(result as Result)
        else reject(new Error(`${name}: ${error}`))
      }
      this.#waiting.set(id, settle)
      if (this.#child.connected) this.#child.send({ id, name, argument } satisfies Question)
      else settle({ id, error: `the process has ended: ${this.#output}` })
    })
  }

  /** SIGSTOP, and SIGCONT so much later. */
  async pause(ms: number): Promise<void> {
    this.#child.kill('SIGSTOP')
    await after(ms)
    this.#child.kill('SIGCONT')
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** Lets it end by itself. Resolves with its exit code; null: it had to be killed. */
  async ended(deadlineMs: number): Promise<number | null> {
    const deadline = setTimeout(() => this.#child.kill('SIGKILL'), deadlineMs)
    await this.#exited
    clearTimeout(deadline)
    return this.#child.exitCode
  }
}

/** In the process: answers the questions of the one that started it, and ends when that has ended. */
export function answerWith(answers: Readonly<Record<string, (argument: never) => unknown>>): void {
  process.on('message', async ({ id, name, argument }: Question) => {
    try {
      const result = await answers[name]?.(argument as never)
      process.send?.({ id, result } satisfies Answer)
    } catch (error) {
      process.send?.({ id, error: (error as Error).stack ?? String(error) } satisfies Answer)
    }
  })
  process.on('disconnect', () => process.exit(1))
}
