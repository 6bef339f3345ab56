import { performance } from 'node:perf_hooks'
import type { SendOptions } from '../shared/send-options.ts'
import type { OutboxCounters, OutboxLimit } from './main-counters.ts'
import type { OutboxOptions } from './user-options.ts'

interface Kept {
  readonly message: string | Buffer
  readonly options: boolean | SendOptions | undefined
  readonly bytes: number
  readonly dueMs: number
}

/** What was sent to users who have no connection, until they have one again. */
export class OfflineMessages {
  readonly #options: Required<OutboxOptions>
  readonly #onLimit: (limit: OutboxLimit, userId: string) => void
  /** The user who was sent something longest ago comes first; no queue is empty. */
  readonly #queues = new Map<string, Kept[]>()
  #messages = 0
  #bytes = 0
  readonly #counters: OutboxCounters

  constructor(
    options: Required<OutboxOptions>,
    counters: OutboxCounters,
    onLimit: (limit: OutboxLimit, userId: string) => void,
  ) {
    this.#options = options
    this.#counters = counters
    this.#onLimit = onLimit
  }

  get users(): number {
    return this.#queues.size
  }

  get messages(): number {
    return this.#messages
  }

  get bytes(): number {
    return this.#bytes
  }

  /** False: it was not kept. */
  add(userId: string, message: string | Uint8Array, options: boolean | SendOptions | undefined): boolean {
    const nowMs = performance.now()
    this.#forgetOld(nowMs)
    const bytes = Buffer.byteLength(message)
    if (!this.#makeRoom(userId, bytes)) return false
    const queue = this.#queues.get(userId) ?? []
    // To the end: it is the user who was sent something last.
    this.#queues.delete(userId)
    this.#queues.set(userId, queue)
    // A copy of bytes: their owner may go on writing to them.
    const own = typeof message === 'string' ? message : Buffer.from(message)
    queue.push({ message: own, options, bytes, dueMs: nowMs + this.#options.ttlMs })
    this.#messages++
    this.#bytes += bytes
    this.#counters.kept++
    return true
  }

  /** Hands over what was kept for the user, in order, until `send` does not take any more: the rest stays. */
  deliver(
    userId: string,
    send: (message: string | Buffer, options: boolean | SendOptions | undefined) => boolean,
  ): void {
    this.#forgetOld(performance.now())
    for (let first = this.#first(userId); first !== undefined; first = this.#first(userId)) {
      if (!send(first.message, first.options)) return
      this.#shift(userId)
      this.#counters.delivered++
    }
  }

  /** False: the new message has to go. */
  #makeRoom(userId: string, bytes: number): boolean {
    const { drop, maxBytes } = this.#options
    for (let limit = this.#reached(userId, bytes); limit !== null; limit = this.#reached(userId, bytes)) {
      this.#onLimit(limit, userId)
      if (drop === 'newest' || bytes > maxBytes) {
        this.#counters.dropped[limit]++
        return false
      }
      const victim = limit === 'max' ? userId : this.#longestUnsent()
      if (limit === 'maxUsers') this.#drop(victim, limit)
      else this.#shift(victim, limit)
    }
    return true
  }

  #reached(userId: string, bytes: number): OutboxLimit | null {
    const { max, maxBytes, maxUsers } = this.#options
    const queue = this.#queues.get(userId)
    if (queue !== undefined && queue.length >= max) return 'max'
    if (queue === undefined && this.#queues.size >= maxUsers) return 'maxUsers'
    return this.#bytes + bytes > maxBytes ? 'maxBytes' : null
  }

  /** Everybody's last message is older than that of whoever follows. */
  #forgetOld(nowMs: number): void {
    for (const [userId, queue] of this.#queues) {
      while ((queue[0]?.dueMs ?? nowMs + 1) <= nowMs) this.#shift(userId, 'ttlMs')
      if (this.#queues.has(userId)) return
    }
  }

  #longestUnsent(): string {
    return this.#queues.keys().next().value ?? ''
  }

  #first(userId: string): Kept | undefined {
    const queue = this.#queues.get(userId)
    const nowMs = performance.now()
    while (queue?.[0] !== undefined && queue[0].dueMs <= nowMs) this.#shift(userId, 'ttlMs')
    return queue?.[0]
  }

  #drop(userId: string, limit: OutboxLimit): void {
    while (this.#queues.has(userId)) this.#shift(userId, limit)
  }

  #shift(userId: string, limit?: OutboxLimit): void {
    const queue = this.#queues.get(userId)
    const kept = queue?.shift()
    if (queue === undefined || kept === undefined) return
    if (queue.length === 0) this.#queues.delete(userId)
    this.#messages--
    this.#bytes -= kept.bytes
    if (limit !== undefined) this.#counters.dropped[limit]++
  }
}
