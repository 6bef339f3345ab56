const LENGTH_BITS = 0x7f
const OPCODE_BITS = 0x0f
const CONTROL_BIT = 0x08

/** Longest unmasked header: 2 bytes and a 64-bit length. */
const MAX_HEADER_BYTES = 10

/**
 * Finds frames in what a server sends, skipping the payload of all but control frames. Deliberately not the engine's
 * parser: that one is under attack here.
 */
export class ServerFrames {
  readonly #onFrame: (opcode: number, controlPayload: Buffer) => void
  /** A header that is not complete yet. */
  #header = Buffer.alloc(0)
  #opcode = 0
  #missingBytes = 0
  #controlParts: Buffer[] = []

  constructor(onFrame: (opcode: number, controlPayload: Buffer) => void) {
    this.#onFrame = onFrame
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      at = this.#missingBytes > 0 ? this.#readPayload(chunk, at) : this.#readHeader(chunk, at)
    }
  }

  #readHeader(chunk: Buffer, at: number): number {
    const known = this.#header.length
    const header = Buffer.concat([this.#header, chunk.subarray(at, at + MAX_HEADER_BYTES - known)])
    const bytes = headerBytes(header)
    if (header.length < bytes) {
      this.#header = header
      return chunk.length
    }
    this.#header = Buffer.alloc(0)
    this.#opcode = (header[0] as number) & OPCODE_BITS
    this.#missingBytes = payloadBytes(header)
    if (this.#missingBytes === 0) this.#finish()
    return at + bytes - known
  }

  #readPayload(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#missingBytes)
    this.#missingBytes -= end - at
    if ((this.#opcode & CONTROL_BIT) !== 0) this.#controlParts.push(Buffer.from(chunk.subarray(at, end)))
    if (this.#missingBytes === 0) this.#finish()
    return end
  }

  #finish(): void {
    const payload = Buffer.concat(this.#controlParts)
    this.#controlParts = []
    this.#onFrame(this.#opcode, payload)
  }
}

/** Bytes that the header has, or at least has as far as `start` tells. */
function headerBytes(start: Buffer): number {
  const length = (start[1] ?? 0) & LENGTH_BITS
  if (length === 126) return 4
  return length === 127 ? 10 : 2
}

function payloadBytes(header: Buffer): number {
  const length = (header[1] as number) & LENGTH_BITS
  if (length === 126) return header.readUInt16BE(2)
  return length === 127 ? Number(header.readBigUInt64BE(2)) : length
}
