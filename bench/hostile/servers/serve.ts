import { setTimeout as delay } from 'node:timers/promises'
import { type ServerCommand, type ServerReply, type Settings, SLOW_MS } from '../protocol.ts'
import { exposeGarbageCollector } from './process-figures.ts'
import { Watch } from './watch.ts'

/** What the application is busy with. */
export class Workload {
  messages = 0
  mostAtOnce = 0
  #atOnce = 0

  /** A binary message for an application that forgets it. */
  swallow(): void {
    this.messages++
  }

  /** A binary message for an application that takes its time. */
  async handleSlowly(): Promise<void> {
    this.messages++
    this.#enter()
    await delay(SLOW_MS)
    this.#atOnce--
  }

  /** A verdict that never comes. */
  hang(): Promise<boolean> {
    this.#enter()
    return new Promise(() => {})
  }

  #enter(): void {
    this.#atOnce++
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce)
  }
}

export interface Listening {
  readonly port: number
  readonly maxPayload: number
}

/** Turns `listen` into a server process of the harness, watched from inside. `shards`: its worker threads. */
export function serve(shards: number, listen: (settings: Settings, workload: Workload) => Promise<Listening>): void {
  exposeGarbageCollector()
  const workload = new Workload()
  const watch = new Watch(shards)
  process.on('message', (command: ServerCommand) => {
    answer(command).then(reply, (error: unknown) => reply({ type: 'failed', reason: String(error) }))
  })
  // A harness that was killed cannot end its children.
  process.on('disconnect', () => process.exit())

  async function answer(command: ServerCommand): Promise<ServerReply> {
    switch (command.type) {
      case 'start':
        return { type: 'listening', pid: process.pid, ...(await listen(command.settings, workload)) }
      case 'begin': {
        const before = await watch.begin()
        workload.messages = 0
        workload.mostAtOnce = 0
        return { type: 'begun', before }
      }
      case 'end': {
        const { messages, mostAtOnce } = workload
        return { type: 'ended', toll: await watch.end({ messages, mostAtOnce }) }
      }
    }
  }
}

function reply(message: ServerReply): void {
  process.send?.(message)
}
