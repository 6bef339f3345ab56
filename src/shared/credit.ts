/**
 * How much one end of a link may post before the other end has taken it: `postMessage` itself has no
 * backpressure. Both directions live in one small shared block; each word has one writer.
 */
export interface CreditWindow {
  /** Messages posted and not yet taken, at most. */
  readonly messages: number
  /** Bytes posted and not yet taken, at most. */
  readonly bytes: number
}

/** Shard to main: past it a connection that has more to tell is not read any further, so nothing is lost. */
export const EVENT_WINDOW: CreditWindow = { messages: 1024, bytes: 4 * 1024 * 1024 }

/** Main to a shard, besides a limit in bytes: past it messages are refused, so it must hold a generous burst. */
export const COMMAND_WINDOW_MESSAGES = 256 * 1024

/** Int32 words of one direction. They count for ever and wrap at 2^31: only differences are used. */
const Word = {
  /** Written by the receiving end. */
  TAKEN_MESSAGES: 0,
  /** Written by the receiving end. */
  TAKEN_BYTES: 1,
  /** 1 while the posting end waits for credit; the receiving end clears it and answers. */
  IS_WAITING: 2,
} as const
/** A cache line per direction. */
const WORDS_PER_DIRECTION = 16

export function allocateCredit(): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * WORDS_PER_DIRECTION * Int32Array.BYTES_PER_ELEMENT)
}

type Direction = 0 | 1

/** The posting end of one direction. */
export class CreditSpender {
  readonly #words: Int32Array
  readonly #window: CreditWindow
  #messages = 0
  #bytes = 0

  constructor(memory: SharedArrayBuffer, direction: Direction, window: CreditWindow) {
    this.#words = wordsOf(memory, direction)
    this.#window = window
  }

  spend(messages: number, bytes: number): void {
    this.#messages = (this.#messages + messages) | 0
    this.#bytes = (this.#bytes + bytes) | 0
  }

  hasCredit(): boolean {
    const messages = (this.#messages - Atomics.load(this.#words, Word.TAKEN_MESSAGES)) | 0
    if (messages >= this.#window.messages) return false
    const bytes = (this.#bytes - Atomics.load(this.#words, Word.TAKEN_BYTES)) | 0
    return bytes < this.#window.bytes
  }

  /** Asks the other end to say when credit is back. Returns false if it is back already. */
  wait(): boolean {
    Atomics.store(this.#words, Word.IS_WAITING, 1)
    // The other end may have taken everything just before the store, and then nobody would answer.
    return !this.hasCredit() || Atomics.exchange(this.#words, Word.IS_WAITING, 0) === 0
  }
}

/** The receiving end of one direction. */
export class CreditGranter {
  readonly #words: Int32Array
  #messages = 0
  #bytes = 0

  constructor(memory: SharedArrayBuffer, direction: Direction) {
    this.#words = wordsOf(memory, direction)
  }

  /** Returns whether the posting end waits and must be told. */
  grant(messages: number, bytes: number): boolean {
    this.#messages = (this.#messages + messages) | 0
    this.#bytes = (this.#bytes + bytes) | 0
    Atomics.store(this.#words, Word.TAKEN_MESSAGES, this.#messages)
    Atomics.store(this.#words, Word.TAKEN_BYTES, this.#bytes)
    return Atomics.load(this.#words, Word.IS_WAITING) === 1 && Atomics.exchange(this.#words, Word.IS_WAITING, 0) === 1
  }
}

function wordsOf(memory: SharedArrayBuffer, direction: Direction): Int32Array {
  const offset = direction * WORDS_PER_DIRECTION * Int32Array.BYTES_PER_ELEMENT
  return new Int32Array(memory, offset, WORDS_PER_DIRECTION)
}
