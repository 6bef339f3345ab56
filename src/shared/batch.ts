import { markAsUntransferable } from 'node:worker_threads'
import { Packr } from 'msgpackr'

/** What a message between threads is made of, payload bytes apart. */
export type Field = number | string | boolean | null

/** Payloads of this size or more travel beside the batch in a buffer of their own, copied once instead of twice. */
export const APART_BYTES = 8 * 1024

/** Where the packed fields begin, how many messages there are and how many payload bytes: three Uint32. */
const TRAILER_BYTES = 12

/** Fields are only numbers, strings, booleans and null: neither end needs record structures. */
const packr = new Packr({ useRecords: false })

/** What is posted: the batch alone, or the batch followed by the payloads that travel apart. */
export type PostedBatch = ArrayBuffer | [ArrayBuffer, ...(ArrayBuffer | SharedArrayBuffer)[]]

/**
 * Collects the messages of one tick. Fields go into one flat list that msgpackr packs at the end,
 * payload bytes into a staging buffer; a batch is one buffer: payloads, packed fields, trailer.
 */
export class BatchWriter {
  #fields: Field[] = []
  #staging = Buffer.allocUnsafeSlow(16 * 1024)
  #stagedBytes = 0
  #apart: (ArrayBuffer | SharedArrayBuffer)[] = []
  #messages = 0
  #payloadBytes = 0

  get messages(): number {
    return this.#messages
  }

  get payloadBytes(): number {
    return this.#payloadBytes
  }

  /** Begins a message: its tag and its fields, in the order in which the reader takes them. */
  begin(tag: number, ...fields: Field[]): void {
    this.#messages++
    this.#fields.push(tag, ...fields)
  }

  /** The hot messages have one key: no rest array for them. */
  beginWithKey(tag: number, key: number): void {
    this.#messages++
    this.#fields.push(tag, key)
  }

  field(value: Field): void {
    this.#fields.push(value)
  }

  /** Copies `bytes`: the caller may reuse them at once. */
  bytes(bytes: Uint8Array): void {
    const { length } = bytes
    this.#payloadBytes += length
    if (length >= APART_BYTES) {
      const copy = Buffer.allocUnsafeSlow(length)
      copy.set(bytes)
      this.#beside(copy.buffer as ArrayBuffer, 0, length)
      return
    }
    this.#reserve(length)
    this.#staging.set(bytes, this.#stagedBytes)
    this.#stagedBytes += length
    this.#fields.push(length)
  }

  /** The same for bytes in memory that nothing else refers to: long ones are not copied, and are gone afterwards. */
  owned(bytes: Uint8Array): void {
    const { buffer, byteOffset, length } = bytes
    if (length < APART_BYTES) {
      this.bytes(bytes)
      return
    }
    this.#payloadBytes += length
    this.#beside(buffer as ArrayBuffer, byteOffset, length)
  }

  /** Of less than `APART_BYTES / 3` UTF-16 units: that is the most that UTF-8 needs, and cheaper than counting first. Returns the number of bytes. */
  shortText(text: string): number {
    this.#reserve(text.length * 3)
    const length = this.#staging.write(text, this.#stagedBytes)
    this.#stagedBytes += length
    this.#payloadBytes += length
    this.#fields.push(length)
    return length
  }

  /** A buffer that holds nothing else: it is transferred, or mapped by the receiver if it is shared memory. */
  whole(memory: ArrayBuffer | SharedArrayBuffer): void {
    this.#payloadBytes += memory.byteLength
    this.#beside(memory, 0, memory.byteLength)
  }

  /** Empties the writer into one value to post and the buffers to transfer with it. */
  finish(): { posted: PostedBatch; transfer: ArrayBuffer[] } {
    const packed = packr.pack(this.#fields)
    const buffer = new ArrayBuffer(this.#stagedBytes + packed.length + TRAILER_BYTES)
    const bytes = new Uint8Array(buffer)
    bytes.set(this.#staging.subarray(0, this.#stagedBytes))
    bytes.set(packed, this.#stagedBytes)
    const trailer = new DataView(buffer, this.#stagedBytes + packed.length)
    trailer.setUint32(0, this.#stagedBytes)
    trailer.setUint32(4, this.#messages)
    trailer.setUint32(8, this.#payloadBytes)

    const apart = this.#apart
    this.#fields = []
    this.#stagedBytes = 0
    this.#messages = 0
    this.#payloadBytes = 0
    if (apart.length === 0) return { posted: buffer, transfer: [buffer] }
    this.#apart = []
    return { posted: [buffer, ...apart], transfer: [buffer, ...apart.filter((part) => part instanceof ArrayBuffer)] }
  }

  #beside(memory: ArrayBuffer | SharedArrayBuffer, offset: number, length: number): void {
    this.#apart.push(memory)
    this.#fields.push(-this.#apart.length, offset, length)
  }

  #reserve(length: number): void {
    const needed = this.#stagedBytes + length
    if (needed <= this.#staging.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#staging.length * 2))
    this.#staging.copy(larger, 0, 0, this.#stagedBytes)
    this.#staging = larger
  }
}

/** Takes the messages of one batch in order. Payloads are views on the batch, which this thread owns. */
export class BatchReader {
  readonly messages: number
  readonly payloadBytes: number
  readonly #fields: readonly Field[]
  readonly #buffer: ArrayBuffer
  readonly #apart: readonly (ArrayBuffer | SharedArrayBuffer)[]
  #next = 0
  #offset = 0
  #isShown = false

  constructor(posted: PostedBatch) {
    if (posted instanceof ArrayBuffer) {
      this.#buffer = posted
      this.#apart = []
    } else {
      const [buffer, ...apart] = posted
      this.#buffer = buffer
      this.#apart = apart
    }
    const end = this.#buffer.byteLength - TRAILER_BYTES
    const trailer = new DataView(this.#buffer, end)
    const start = trailer.getUint32(0)
    this.messages = trailer.getUint32(4)
    this.payloadBytes = trailer.getUint32(8)
    this.#fields = packr.unpack(new Uint8Array(this.#buffer, start, end - start)) as Field[]
  }

  get isDone(): boolean {
    return this.#next >= this.#fields.length
  }

  number(): number {
    return this.#fields[this.#next++] as number
  }

  string(): string {
    return this.#fields[this.#next++] as string
  }

  boolean(): boolean {
    return this.#fields[this.#next++] as boolean
  }

  bytes(): Buffer {
    const length = this.number()
    if (length < 0) return Buffer.from(this.#apart[-length - 1] as ArrayBuffer, this.number(), this.number())
    const offset = this.#offset
    this.#offset += length
    return Buffer.from(this.#buffer, offset, length)
  }

  /** The same for the application, which may transfer `.buffer`: that must not take the other messages of the batch along. */
  payload(): Buffer {
    if (!this.#isShown) markAsUntransferable(this.#buffer)
    this.#isShown = true
    return this.bytes()
  }
}
