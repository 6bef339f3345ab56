import { once } from 'node:events'
import { extname } from 'node:path'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { type LoadCommand, type LoadPlan, type LoadReport, type LoadResult, partOf } from './load-plan.ts'

const THREAD_URL = new URL(`./load-thread${extname(import.meta.url)}`, import.meta.url)

type Reported<Kind extends LoadReport['kind']> = Extract<LoadReport, { kind: Kind }>

/** One thread of the load, as main sees it. */
class LoadThread {
  open = 0
  verified = 0
  readonly opened: Promise<Reported<'opened'>>
  readonly result: Promise<LoadResult>
  readonly #port: MessagePort
  readonly #worker: Worker

  constructor(plan: LoadPlan) {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#worker = new Worker(THREAD_URL, { workerData: { plan, port: port2 }, transferList: [port2] })
    const failed = once(this.#worker, 'error').then(([error]) => {
      throw error
    })
    const reported = <Kind extends LoadReport['kind']>(kind: Kind): Promise<Reported<Kind>> => {
      const report = new Promise<Reported<Kind>>((resolve) => {
        port1.on('message', (message: LoadReport) => {
          if (message.kind === kind) resolve(message as Reported<Kind>)
        })
      })
      return Promise.race([report, failed])
    }
    port1.on('message', (message: LoadReport) => {
      if (message.kind === 'done') return
      this.open = message.open
      if (message.kind === 'progress') this.verified = message.verified
    })
    this.opened = reported('opened')
    this.result = reported('done').then(({ result }) => result)
    // Whoever needs them awaits them.
    for (const each of [failed, this.opened, this.result]) each.catch(() => {})
  }

  command(command: LoadCommand): void {
    this.#port.postMessage(command)
  }

  async end(): Promise<void> {
    this.#port.close()
    await this.#worker.terminate()
  }
}

/** A load that several threads share. */
export class LoadThreads {
  readonly #threads: readonly LoadThread[]

  constructor(plan: LoadPlan, threads: number) {
    this.#threads = Array.from({ length: threads }, (_, index) => new LoadThread(partOf(plan, index, threads)))
  }

  get open(): number {
    return this.#threads.reduce((sum, { open }) => sum + open, 0)
  }

  get verified(): number {
    return this.#threads.reduce((sum, { verified }) => sum + verified, 0)
  }

  /** Resolves when every connection is open or has failed: how many are, and why others are not. */
  async opened(): Promise<{ readonly open: number; readonly firstError: string | undefined }> {
    const reports = await Promise.all(this.#threads.map(({ opened }) => opened))
    const [firstError] = reports.flatMap(({ errors }) => Object.keys(errors))
    return { open: reports.reduce((sum, { open }) => sum + open, 0), firstError }
  }

  /** Begins on all threads, and resolves when all are done. */
  run(): Promise<readonly LoadResult[]> {
    for (const thread of this.#threads) thread.command('start')
    return Promise.all(this.#threads.map(({ result }) => result))
  }

  /** What is under way is awaited, and then it is over. */
  stop(): void {
    for (const thread of this.#threads) thread.command('stop')
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()))
  }
}
