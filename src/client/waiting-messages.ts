/** `queue`: what is kept of that which is sent while there is no connection. */
export interface QueueOptions {
  /** Messages. Default 100; 0 keeps none. */
  readonly max?: number
  /** Bytes of all of them, text as UTF-8. Default 1 MiB. */
  readonly maxBytes?: number
  /** Which messages go when they are too many. Default 'oldest'. */
  readonly drop?: 'oldest' | 'newest'
}

export type WireMessage = string | Uint8Array

interface Waiting {
  readonly message: WireMessage
  readonly bytes: number
}

const encoder = new TextEncoder()

/** What was sent while there was no connection, in order and within limits. */
export class WaitingMessages {
  readonly #options: Required<QueueOptions>
  #messages: Waiting[] = []
  #bytes = 0

  constructor(options: Required<QueueOptions>) {
    this.#options = options
  }

  get count(): number {
    return this.#messages.length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** What is dropped for it: older messages, or `message` itself if it is the one that does not fit. */
  add(message: WireMessage): { isKept: boolean; dropped: WireMessage[] } {
    const { max, maxBytes, drop } = this.#options
    const bytes = typeof message === 'string' ? encoder.encode(message).length : message.byteLength
    const fits = (): boolean => this.#messages.length < max && this.#bytes + bytes <= maxBytes
    // One that can never fit must not cost the others their place.
    if (max === 0 || bytes > maxBytes || (drop === 'newest' && !fits())) {
      return { isKept: false, dropped: [message] }
    }
    const dropped: WireMessage[] = []
    while (!fits()) dropped.push(this.take() as WireMessage)
    // A copy of bytes: their owner may go on writing to them.
    this.#messages.push({ message: typeof message === 'string' ? message : message.slice(), bytes })
    this.#bytes += bytes
    return { isKept: true, dropped }
  }

  take(): WireMessage | undefined {
    const first = this.#messages.shift()
    this.#bytes -= first?.bytes ?? 0
    return first?.message
  }

  takeAll(): WireMessage[] {
    const all = this.#messages.map(({ message }) => message)
    this.#messages = []
    this.#bytes = 0
    return all
  }
}
