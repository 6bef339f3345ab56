import { Coalescer } from '../shared/coalescer.ts'
import { SendFlag } from '../shared/messages.ts'
import type { PublishOptions } from '../shared/send-options.ts'
import { isThenable } from '../shared/work.ts'
import type { LimitLog } from './limit-log.ts'
import type { MainCounters } from './main-counters.ts'
import type { ResolvedOptions } from './options.ts'
import type { Rooms } from './rooms.ts'

/** What the publications need of their engine. */
export interface PublicationsContext {
  readonly options: Pick<ResolvedOptions, 'rooms' | 'shard'>
  readonly rooms: Rooms
  readonly counters: MainCounters
  readonly limitLog: LimitLog
  onError(error: Error): void
}

/** What the application publishes to rooms, on its way to them: some of it waits, and all of it is told to `history`. */
export class Publications {
  readonly #context: PublicationsContext
  readonly #coalescer: Coalescer

  constructor(context: PublicationsContext) {
    const { counters, limitLog, options } = context
    this.#context = context
    this.#coalescer = new Coalescer(options.shard.maxCoalescedKeys, {
      onReplaced: () => counters.coalescedMessages++,
      onFull: () => {
        counters.refusedWindows++
        limitLog.reached('maxCoalescedKeys', {})
      },
    })
  }

  publish(
    rooms: string | readonly string[],
    message: string | Uint8Array,
    options: boolean | PublishOptions = {},
  ): boolean {
    const directory = this.#context.rooms
    const { history } = this.#context.options.rooms
    const { names, fanOut } = directory.prepare(rooms, message, options)
    if (history.record === undefined) return this.#coalescer.send(names, options, () => directory.post(names, fanOut))
    const isBinary = (fanOut.flags & SendFlag.BINARY) !== 0
    // A copy of bytes, which may have to wait: their owner may go on writing to them.
    const own = typeof message === 'string' ? message : Buffer.from(message)
    return this.#coalescer.send(names, options, () => {
      this.#record(names, own, isBinary)
      return directory.post(names, fanOut)
    })
  }

  /** Sends what waits. */
  stop(): void {
    this.#coalescer.stop()
  }

  #record(names: readonly string[], message: string | Uint8Array, isBinary: boolean): void {
    const { history } = this.#context.options.rooms
    if (history.record === undefined) return
    for (const name of names) {
      try {
        const work = history.record(name, message, isBinary)
        if (isThenable(work)) work.then(undefined, (error) => this.#failed(error as Error))
      } catch (error) {
        this.#failed(error as Error)
      }
    }
  }

  #failed(error: Error): void {
    this.#context.counters.handlerErrors++
    this.#context.onError(error)
  }
}
