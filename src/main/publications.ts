import { Coalescer, windowOf } from '../shared/coalescer.ts'
import { SendFlag } from '../shared/messages.ts'
import type { PublishOptions } from '../shared/send-options.ts'
import { isThenable } from '../shared/work.ts'
import type { LimitLog } from './limit-log.ts'
import type { MainCounters } from './main-counters.ts'
import type { ResolvedRoomOptions } from './room-options.ts'
import type { Rooms } from './rooms.ts'

/** What the publications need of their engine. */
export interface PublicationsContext {
  readonly options: ResolvedRoomOptions
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
    this.#coalescer = new Coalescer(options.maxCoalescedKeys, {
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
    const { names, fanOut } = this.#context.rooms.prepare(rooms, message, options)
    const send = (sent: string | Uint8Array): boolean => {
      this.#record(names, sent, (fanOut.flags & SendFlag.BINARY) !== 0)
      return this.#context.rooms.post(names, fanOut)
    }
    if (typeof options === 'boolean' || options.coalesceMs === undefined) return send(message)
    const windowMs = windowOf(options)
    if (windowMs === 0) return send(message)
    // A copy of bytes: their owner may go on writing to them.
    const own = typeof message === 'string' ? message : Buffer.from(message)
    // No name of a room holds a NUL.
    const key = `${names.join('\0')}\0\0${options.coalesceKey ?? ''}`
    return this.#coalescer.offer(key, windowMs, () => send(own))
  }

  /** Sends what waits. */
  stop(): void {
    this.#coalescer.stop()
  }

  #record(names: readonly string[], message: string | Uint8Array, isBinary: boolean): void {
    const { history } = this.#context.options
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
