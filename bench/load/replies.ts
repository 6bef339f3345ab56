/** What one connection must receive after its handshake. */
export interface Replies {
  /** Takes the next `length` bytes of `read`: the number of frames they complete, or why they are wrong. */
  take(read: Buffer, length: number): number | string
}

const PONG = Buffer.of(0x8a, 0)

/** The whole wire image of one reply, over and over, whatever the reads. */
export class RepeatedFrame {
  readonly #frameBytes: number
  readonly #pattern: Buffer

  /** `maxReadBytes` is the longest read that will be compared. */
  constructor(frame: Buffer, maxReadBytes: number) {
    this.#frameBytes = frame.length
    this.#pattern = Buffer.alloc(frame.length + maxReadBytes, frame)
  }

  /**
   * For one connection. A read is verified by one memory comparison at the connection's offset in the repeated
   * frame, so checking every byte costs the load generator less than parsing would.
   */
  replies(): Replies {
    /** Bytes of the frame that is still arriving. */
    let partialBytes = 0
    return {
      take: (read, length) => {
        if (this.#pattern.compare(read, 0, length, partialBytes, partialBytes + length) !== 0) {
          return 'a reply differs from the message sent'
        }
        const arrived = partialBytes + length
        partialBytes = arrived % this.#frameBytes
        return (arrived - partialBytes) / this.#frameBytes
      },
    }
  }
}

/** The answer to an empty ping, then `rest`. RFC 6455 §5.5.3 */
export function afterPong(rest: Replies, onPong: () => void): Replies {
  let hasPong = false
  return {
    take: (read, length) => {
      if (hasPong) return rest.take(read, length)
      if (PONG.compare(read, 0, length) !== 0) return 'a ping was not answered by a pong'
      hasPong = true
      onPong()
      return 0
    },
  }
}
