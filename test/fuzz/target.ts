import { ControlConnection } from './control.ts'
import { ServerProcess, type ServerReport } from './server-process.ts'
import { SERVER_NAMES, SERVERS, type ServerName } from './servers.ts'

/** How long everything may take to be as it was before the sessions. */
const REST_DEADLINE_MS = 15_000

/** The servers, with a control connection on each of their shards. */
export class Target {
  readonly process: ServerProcess
  readonly #controls: ControlConnection[] = []
  readonly #shards: number
  #descriptors: readonly string[] = []

  private constructor(process: ServerProcess, shards: number) {
    this.process = process
    this.#shards = shards
  }

  static async start(shards: number): Promise<Target> {
    const target = new Target(await ServerProcess.start(shards), shards)
    for (const name of SERVER_NAMES) {
      for (let count = target.#shardsOf(name); count > 0; count -= 1) {
        // One after the other: each goes to the shard with the fewest connections.
        target.#controls.push(await ControlConnection.open(target.process.ports[name]))
      }
    }
    target.#descriptors = (await target.process.report()).descriptors
    return target
  }

  /** What is wrong once no session is under way; empty when nothing is. */
  async findings(): Promise<string[]> {
    const found: string[] = []
    for (const control of this.#controls) {
      const fault = await control.check()
      if (fault !== null) found.push(`a control connection: ${fault}`)
    }
    try {
      found.push(...(await this.#rest()))
    } catch (error) {
      found.push(String(error))
    }
    return found
  }

  /** Ends everything; what is wrong then. */
  async stop(): Promise<string[]> {
    await Promise.all(this.#controls.map((control) => control.stop()))
    const hasEnded = await this.process.stop()
    return hasEnded ? [] : [`the server process did not end by itself: ${this.process.output}`]
  }

  async #rest(): Promise<string[]> {
    const end = performance.now() + REST_DEADLINE_MS
    for (;;) {
      const report = await this.process.report()
      if (report.faults.length > 0) return [...report.faults]
      const wrong = [...this.#wrongGauges(report), ...this.#surplus(report)]
      if (wrong.length === 0 || performance.now() > end) return wrong
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  #wrongGauges({ gauges }: ServerReport): string[] {
    return gauges
      .filter(({ server, gauge, value }) => {
        if (gauge.startsWith('queuedBytes')) return value !== 0
        return value !== (gauge === 'ids' ? this.#shardsOf(server) : 1)
      })
      .map(({ server, gauge, value }) => `at rest, ${gauge} of ${server} is ${value}`)
  }

  #surplus({ descriptors }: ServerReport): string[] {
    const surplus = descriptors.length - this.#descriptors.length
    if (surplus <= 0) return []
    const added = descriptors.filter((target) => !this.#descriptors.includes(target))
    return [`at rest, ${surplus} descriptors more than at first: ${added.join(' ')}`]
  }

  #shardsOf(name: ServerName): number {
    const options: { readonly shards?: number } = SERVERS[name]
    return Math.max(1, options.shards ?? this.#shards)
  }
}
