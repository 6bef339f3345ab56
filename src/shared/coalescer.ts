import { ShardwsError } from './errors.ts'
import type { CoalesceOptions } from './send-options.ts'

const LONGEST_WINDOW_MS = 60_000

interface Window {
  /** Sends the latest message of this window, null while there is none. */
  latest: (() => boolean) | null
  timer: NodeJS.Timeout
}

/** What became of the messages that could wait. */
export interface CoalescerObserver {
  /** A message will not be sent: a later one has taken its place. */
  onReplaced(): void
  /** There are as many windows as there may be: the message is sent at once. */
  onFull(): void
}

/**
 * Sends at most one message per key and window: the first at once, and when its window ends the latest of those that came
 * meanwhile. One window follows the other until one has passed without a message.
 */
export class Coalescer {
  readonly #maxKeys: number
  readonly #observer: CoalescerObserver
  readonly #windows = new Map<string, Window>()
  #isStopped = false

  constructor(maxKeys: number, observer: CoalescerObserver) {
    this.#maxKeys = maxKeys
    this.#observer = observer
  }

  /**
   * Sends a message for these rooms at once or, if its options ask for a window, when that is due.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  send(rooms: readonly string[], options: boolean | CoalesceOptions, send: () => boolean): boolean {
    const windowMs = windowOf(options)
    if (windowMs === 0) return send()
    const { coalesceKey = '' } = options as CoalesceOptions
    // No name of a room holds a NUL.
    return this.offer(`${rooms.join('\0')}\0\0${coalesceKey}`, windowMs, send)
  }

  /** True also for a message that waits. `send` may be called later, or never. */
  offer(key: string, windowMs: number, send: () => boolean): boolean {
    const window = this.#windows.get(key)
    if (window === undefined) {
      if (this.#isStopped) return send()
      if (this.#windows.size < this.#maxKeys) this.#open(key, windowMs)
      else this.#observer.onFull()
      return send()
    }
    if (window.latest !== null) this.#observer.onReplaced()
    window.latest = send
    return true
  }

  /** Sends what waits; from now on nothing does. */
  stop(): void {
    this.#isStopped = true
    for (const { timer, latest } of this.#windows.values()) {
      clearTimeout(timer)
      latest?.()
    }
    this.#windows.clear()
  }

  #open(key: string, windowMs: number): void {
    const timer = setTimeout(() => this.#end(key, windowMs), windowMs)
    this.#windows.set(key, { latest: null, timer })
  }

  #end(key: string, windowMs: number): void {
    const latest = this.#windows.get(key)?.latest ?? null
    this.#windows.delete(key)
    if (latest === null) return
    this.#open(key, windowMs)
    latest()
  }
}

/** The window that the options ask for, 0 for none. @throws ShardwsError ARGUMENT_INVALID */
export function windowOf(options: boolean | CoalesceOptions): number {
  if (typeof options === 'boolean' || options.coalesceMs === undefined) return 0
  const { coalesceMs, coalesceKey = '' } = options
  if (!Number.isInteger(coalesceMs) || coalesceMs < 0 || coalesceMs > LONGEST_WINDOW_MS) {
    const expected = `an integer from 0 to ${LONGEST_WINDOW_MS}`
    throw new ShardwsError('ARGUMENT_INVALID', `options.coalesceMs must be ${expected}, got ${String(coalesceMs)}`)
  }
  if (typeof coalesceKey !== 'string')
    throw new ShardwsError('ARGUMENT_INVALID', 'options.coalesceKey must be a string')
  return coalesceMs
}
