/**
 * The bytes every connection must receive: one frame, over and over. A read is verified by one
 * memory comparison at the connection's offset in the repeated frame, so checking every byte costs
 * the load generator less than parsing would.
 */
export class ExpectedStream {
  readonly frameBytes: number
  readonly #pattern: Buffer

  /** `maxReadBytes` is the longest read that will be compared. */
  constructor(frame: Buffer, maxReadBytes: number) {
    this.frameBytes = frame.length
    this.#pattern = Buffer.alloc(frame.length + maxReadBytes, frame)
  }

  /** Whether the first `length` bytes of `read` continue a stream of which `offset` bytes have arrived before. */
  matches(read: Buffer, length: number, offset: number): boolean {
    const start = offset % this.frameBytes
    return this.#pattern.compare(read, 0, length, start, start + length) === 0
  }
}
