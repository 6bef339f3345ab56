import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Failed } from '../protocol.ts'

/** Enough of a child's stderr to see why it ended. */
const STDERR_TAIL = 2000

interface Pending {
  resolve(reply: { readonly type: string }): void
  reject(error: Error): void
}

/** What runs the entry. Default: this Node, without options. */
interface Program {
  readonly execPath?: string
  readonly execArgv?: string[]
}

const living = new Set<ChildProcess>()

/** For a signal handler: ends the children of this process and no others, without waiting. */
export function killLivingChildren(): void {
  for (const child of living) child.kill('SIGKILL')
}

/** A process of the harness, asked one question at a time. Its failure rejects the question, or the next one. */
export class Child<Command extends { readonly type: string }, Reply extends { readonly type: string }> {
  readonly #name: string
  readonly #process: ChildProcess
  #pending: Pending | null = null
  #failure: Error | null = null
  #stderr = ''

  constructor(name: string, entry: URL, args: readonly string[] = [], program: Program = {}) {
    this.#name = name
    const stdio = ['ignore', 'ignore', 'pipe', 'ipc'] as const
    this.#process = fork(fileURLToPath(entry), args, { execArgv: [], ...program, stdio: [...stdio] })
    living.add(this.#process)
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL)
    })
    this.#process.on('message', (reply: Reply | Failed) => this.#receive(reply))
    this.#process.on('error', (error) => this.#fail(error.message))
    // `close` and not `exit`: by then stderr has been read to its end.
    this.#process.on('close', (code, signal) => {
      living.delete(this.#process)
      this.#fail(`ended with ${signal ?? `code ${code}`} ${this.#stderr}`.trim())
    })
  }

  /** Sends `command` and resolves with its reply; rejects after `deadlineMs`, or when the child fails or ends. */
  request<Type extends Reply['type']>(
    command: Command,
    type: Type,
    deadlineMs: number,
  ): Promise<Extract<Reply, { readonly type: Type }>> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) return reject(this.#failure)
      const deadline = setTimeout(() => this.#fail(`no '${type}' within ${deadlineMs} ms`), deadlineMs)
      this.#pending = {
        resolve: (reply) => {
          clearTimeout(deadline)
          if (reply.type === type) resolve(reply as Extract<Reply, { readonly type: Type }>)
          else reject(new Error(`${this.#name}: expected '${type}', got '${reply.type}'`))
        },
        reject: (error) => {
          clearTimeout(deadline)
          reject(error)
        },
      }
      // A child that is gone reports itself through `close`; the callback keeps the send from throwing.
      this.#process.send(command, () => {})
    })
  }

  /** Ends the process at once; resolves when it is gone. Nothing it holds is worth a graceful end. */
  async end(): Promise<void> {
    if (!living.has(this.#process)) return
    const closed = once(this.#process, 'close')
    this.#process.kill('SIGKILL')
    await closed
  }

  #receive(reply: Reply | Failed): void {
    if (reply.type === 'failed') {
      this.#fail((reply as Failed).reason)
      return
    }
    const pending = this.#pending
    this.#pending = null
    pending?.resolve(reply)
  }

  #fail(reason: string): void {
    this.#failure ??= new Error(`${this.#name}: ${reason}`)
    const pending = this.#pending
    this.#pending = null
    pending?.reject(this.#failure)
  }
}
