import { type ErrorCode, ShardwsError } from '../errors.ts'
import { viewOf } from './byte-view.ts'
import { CloseCode, isReceivableCloseCode } from './close-codes.ts'
import { firstByteViolation, secondByteViolation } from './frame-header.ts'
import { maskKeyOf, rotateKey, xorRange } from './mask.ts'
import { MessageBuffer } from './message-buffer.ts'
import { CONTROL_BIT, FIN, LENGTH_16, LENGTH_64, LENGTH_BITS, OPCODE_BITS, Opcode, RSV1 } from './opcodes.ts'
import type { ParserSnapshot } from './parser-snapshot.ts'
import { FRESH_MEMORY, type MessageMemory } from './spare-memory.ts'
import { advanceUtf8, isValidUtf8, UTF8_BOUNDARY, UTF8_INVALID } from './utf8.ts'

/** Receives what the parser finds. Any of these may call `stop()`; none may push. */
export interface FrameSink {
  /**
   * `isOwned`: `payload` had to be assembled and is a buffer of its own, which the parser has let go of. If not, it is
   * a view of the pushed bytes, valid during the call.
   */
  onMessage(payload: Buffer, isBinary: boolean, isCompressed: boolean, isOwned: boolean): void
  onPing(payload: Buffer): void
  onPong(payload: Buffer): void
  /** `code` is 1005 when the close frame had no body. Nothing follows. */
  onClose(code: number, reason: string): void
}

export interface ParserLimits {
  /** Bytes of one message, all its frames together. */
  readonly maxPayload: number
  /** The same of a compressed message, as it is on the wire. */
  readonly maxCompressedSize: number
  /** Frames of one message, empty ones included; at least 1. */
  readonly maxFragments: number
  /** Whether permessage-deflate was agreed on: RSV1 then marks a compressed message. */
  readonly allowRsv1: boolean
}

/** What the next byte is. */
const Stage = {
  FIRST_BYTE: 0,
  SECOND_BYTE: 1,
  LENGTH_16: 2,
  LENGTH_64: 3,
  MASK_KEY: 4,
  PAYLOAD: 5,
  STOPPED: 6,
} as const

const MASK_KEY_BYTES = 4
const NO_BYTES = Buffer.alloc(0)

/**
 * RFC 6455 §5: frames out of bytes, in whatever parts they arrive. Holds numbers only between frames;
 * the state of an unfinished message lives in plain fields, so that it can be carried to another thread.
 */
export class FrameParser {
  private readonly isMasked: boolean
  private readonly limits: ParserLimits
  private readonly sink: FrameSink
  /** For what has to be assembled. */
  private readonly memory: MessageMemory
  private stage: number = Stage.FIRST_BYTE
  private violation: ShardwsError | null = null

  /** Byte 0 of the frame at hand. */
  private first = 0
  /** Payload length of the frame at hand, in bytes. */
  private length = 0
  /** Bytes of the header field or payload at hand that have not arrived. */
  private missing = 0
  /** First byte lowest; kept in phase with the payload. */
  private maskKey = 0

  /** Byte 0 of the first frame of the message at hand; 0, a lone continuation, when there is none. */
  private messageFirst = 0
  /** Frames of the message at hand. */
  private fragments = 0
  /** See `advanceUtf8`. */
  private utf8State = UTF8_BOUNDARY
  /** Payload of the message at hand as far as it had to be kept. */
  private message: MessageBuffer | null = null
  /** Payload of the control frame at hand as far as it had to be kept. */
  private control: MessageBuffer | null = null

  /** @param role whose frames arrive decides about masks: a `server` demands them, a `client` refuses them. */
  constructor(role: 'server' | 'client', limits: ParserLimits, sink: FrameSink, memory = FRESH_MEMORY) {
    this.isMasked = role === 'server'
    this.limits = limits
    this.sink = sink
    this.memory = memory
  }

  /** Whether a message or a control frame has begun and is not complete. */
  get isUnderWay(): boolean {
    return this.stage === Stage.FIRST_BYTE ? this.messageFirst !== 0 : this.stage !== Stage.STOPPED
  }

  /**
   * Parses `bytes` and unmasks them in place. Returns the violation that ends the connection, once, else
   * null. Never throws of itself; what the sink throws stops the parser and is passed on.
   */
  push(bytes: Buffer): ShardwsError | null {
    const end = bytes.length
    let at = 0
    try {
      while (at < end && this.stage !== Stage.STOPPED) {
        if (this.stage === Stage.FIRST_BYTE) at = this.readWholeFrames(bytes, at)
        at = this.readHeader(bytes, at)
        if (this.stage === Stage.PAYLOAD && at < end) at = this.readPayload(bytes, at)
      }
    } catch (error) {
      this.stop()
      throw error
    }
    const { violation } = this
    if (violation !== null) this.violation = null
    return violation
  }

  /** Ignores everything from now on, also what is left of a push under way, and lets go of what was kept. */
  stop(): void {
    this.stage = Stage.STOPPED
    this.control = null
    this.forgetMessage()
  }

  /** To be taken between two pushes. */
  snapshot(): ParserSnapshot {
    const { stage, first, length, missing, maskKey, messageFirst, fragments, utf8State } = this
    const [message, control] = [this.message?.snapshot() ?? null, this.control?.snapshot() ?? null]
    return { stage, first, length, missing, maskKey, messageFirst, fragments, utf8State, message, control }
  }

  /** Goes on where the parser of this snapshot was, which had the same role and limits. Takes over its memory. */
  restore(snapshot: ParserSnapshot): void {
    this.stage = snapshot.stage
    this.first = snapshot.first
    this.length = snapshot.length
    this.missing = snapshot.missing
    this.maskKey = snapshot.maskKey
    this.messageFirst = snapshot.messageFirst
    this.fragments = snapshot.fragments
    this.utf8State = snapshot.utf8State
    this.message = snapshot.message && MessageBuffer.restore(snapshot.message)
    this.control = snapshot.control && MessageBuffer.restore(snapshot.control)
  }

  /**
   * The hot path: reads frames that lie whole in `bytes` and belong to no fragmented message, with one
   * allocation each, the view. Returns where it stopped: at a frame of another kind or at the end.
   */
  private readWholeFrames(bytes: Buffer, offset: number): number {
    const view = viewOf(bytes)
    const base = bytes.byteOffset
    const end = bytes.length
    const { isMasked, limits } = this
    let at = offset
    while (at + 2 <= end) {
      const first = view.getUint8(base + at)
      const isData = (first & CONTROL_BIT) === 0
      if (isData && ((first & FIN) === 0 || this.messageFirst !== 0)) return at
      const second = view.getUint8(base + at + 1)
      const violation =
        firstByteViolation(first, false, limits.allowRsv1) ?? secondByteViolation(first, second, isMasked)
      if (violation !== null) {
        this.fail(violation)
        return end
      }
      let start = at + 2
      let length = second & LENGTH_BITS
      if (length === LENGTH_64) return at
      if (length === LENGTH_16) {
        start += 2
        if (start > end) return at
        length = ((bytes[start - 2] as number) << 8) | (bytes[start - 1] as number)
        // RFC 6455 §5.2: the minimal number of bytes must be used.
        if (length < LENGTH_16) {
          this.fail('LENGTH_NOT_MINIMAL')
          return end
        }
      }
      if (isData && length > this.limitOf(first)) {
        this.fail(sizeViolation(first))
        return end
      }
      if (isMasked) start += MASK_KEY_BYTES
      const stop = start + length
      if (stop > end) return at
      const isAscii = isMasked && xorRange(view, base + start, base + stop, maskKeyOf(bytes, start - MASK_KEY_BYTES))
      at = stop
      if (isData) this.deliverWhole(first, bytes.subarray(start, stop), isAscii)
      else this.deliverControl(first, bytes.subarray(start, stop))
      if (this.stage === Stage.STOPPED) return end
    }
    return at
  }

  private deliverWhole(first: number, payload: Buffer, isAscii: boolean): void {
    const isBinary = (first & OPCODE_BITS) === Opcode.BINARY
    const isCompressed = (first & RSV1) !== 0
    // RFC 6455 §8.1: text must be UTF-8. Compressed text is checked by whoever inflates it.
    if (!isAscii && !isBinary && !isCompressed && !isValidUtf8(payload)) this.fail('INVALID_UTF8')
    else this.sink.onMessage(payload, isBinary, isCompressed, false)
  }

  /** Reads header bytes up to the payload or, if there is none, to the next frame. */
  private readHeader(bytes: Buffer, offset: number): number {
    let at = offset
    while (at < bytes.length && this.stage < Stage.PAYLOAD) {
      const violation = this.readHeaderByte(bytes[at++] as number)
      if (violation !== null) this.fail(violation)
      if (this.stage === Stage.FIRST_BYTE) break
    }
    return at
  }

  private readHeaderByte(byte: number): ErrorCode | null {
    switch (this.stage) {
      case Stage.FIRST_BYTE:
        return this.readFirstByte(byte)
      case Stage.SECOND_BYTE:
        return this.readSecondByte(byte)
      case Stage.MASK_KEY:
        return this.readKeyByte(byte)
      default:
        return this.readLengthByte(byte)
    }
  }

  private readFirstByte(byte: number): ErrorCode | null {
    const violation = firstByteViolation(byte, this.messageFirst !== 0, this.limits.allowRsv1)
    if (violation !== null) return violation
    if ((byte & CONTROL_BIT) === 0) {
      if (this.fragments >= this.limits.maxFragments) return 'TOO_MANY_FRAGMENTS'
      if (this.messageFirst === 0) this.messageFirst = byte
      this.fragments += 1
    }
    this.first = byte
    this.stage = Stage.SECOND_BYTE
    return null
  }

  private readSecondByte(byte: number): ErrorCode | null {
    const violation = secondByteViolation(this.first, byte, this.isMasked)
    if (violation !== null) return violation
    const length = byte & LENGTH_BITS
    if (length < LENGTH_16) return this.acceptLength(length)
    this.length = 0
    this.missing = length === LENGTH_16 ? 2 : 8
    this.stage = length === LENGTH_16 ? Stage.LENGTH_16 : Stage.LENGTH_64
    return null
  }

  private readLengthByte(byte: number): ErrorCode | null {
    const isWide = this.stage === Stage.LENGTH_64
    // RFC 6455 §5.2: the most significant bit of a 64-bit length must be 0.
    if (isWide && this.missing === 8 && byte >= 0x80) return 'LENGTH_OUT_OF_RANGE'
    // Above 2^53 the sum is rounded; such a length is over every limit all the same.
    this.length = this.length * 256 + byte
    this.missing -= 1
    if (this.missing > 0) return null
    // RFC 6455 §5.2: the minimal number of bytes must be used.
    if (this.length < (isWide ? 0x10000 : LENGTH_16)) return 'LENGTH_NOT_MINIMAL'
    return this.acceptLength(this.length)
  }

  private acceptLength(length: number): ErrorCode | null {
    const kept = this.message === null ? 0 : this.message.length
    const isData = (this.first & CONTROL_BIT) === 0
    if (isData && kept + length > this.limitOf(this.messageFirst)) return sizeViolation(this.messageFirst)
    this.length = length
    this.missing = MASK_KEY_BYTES
    this.stage = Stage.MASK_KEY
    if (!this.isMasked) this.beginPayload()
    return null
  }

  private readKeyByte(byte: number): null {
    this.maskKey = (this.maskKey >>> 8) | (byte << 24)
    this.missing -= 1
    if (this.missing === 0) this.beginPayload()
    return null
  }

  private beginPayload(): void {
    this.missing = this.length
    this.stage = Stage.PAYLOAD
    if (this.length > 0) return
    if ((this.first & CONTROL_BIT) === 0) this.endDataFrame(NO_BYTES)
    else this.endControlFrame(NO_BYTES)
  }

  /** Returns how far the payload at hand reaches into `bytes`. */
  private readPayload(bytes: Buffer, offset: number): number {
    const end = Math.min(bytes.length, offset + this.missing)
    const isAscii = this.isMasked && this.unmaskPart(bytes, offset, end)
    this.missing -= end - offset
    const part = bytes.subarray(offset, end)
    if ((this.first & CONTROL_BIT) === 0) this.readDataPart(part, isAscii)
    else if (this.missing === 0) this.endControlFrame(part)
    else this.control = MessageBuffer.append(this.control, part, this.missing)
    return end
  }

  /** Returns whether the part is known to be ASCII. */
  private unmaskPart(bytes: Buffer, offset: number, end: number): boolean {
    const base = bytes.byteOffset
    const isAscii = xorRange(viewOf(bytes), base + offset, base + end, this.maskKey)
    this.maskKey = rotateKey(this.maskKey, end - offset)
    return isAscii
  }

  private readDataPart(part: Buffer, isAscii: boolean): void {
    const isPlainText = (this.messageFirst & (OPCODE_BITS | RSV1)) === Opcode.TEXT
    if (isPlainText && !(isAscii && this.utf8State === UTF8_BOUNDARY)) {
      this.utf8State = advanceUtf8(this.utf8State, part, 0, part.length)
      // RFC 6455 §8.1, as soon as the bytes are here.
      if (this.utf8State === UTF8_INVALID) {
        this.fail('INVALID_UTF8')
        return
      }
    }
    if (this.missing === 0) this.endDataFrame(part)
    else this.message = MessageBuffer.append(this.message, part, this.missing, this.memory)
  }

  private endDataFrame(lastPart: Buffer): void {
    this.stage = Stage.FIRST_BYTE
    if ((this.first & FIN) === 0) {
      if (lastPart.length > 0) this.message = MessageBuffer.append(this.message, lastPart, 0, this.memory)
      return
    }
    if (this.utf8State !== UTF8_BOUNDARY) {
      this.fail('INVALID_UTF8')
      return
    }
    const first = this.messageFirst
    const isOwned = this.message !== null
    const payload = MessageBuffer.complete(this.message, lastPart)
    this.forgetMessage()
    this.sink.onMessage(payload, (first & OPCODE_BITS) === Opcode.BINARY, (first & RSV1) !== 0, isOwned)
  }

  private endControlFrame(lastPart: Buffer): void {
    const payload = MessageBuffer.complete(this.control, lastPart)
    this.stage = Stage.FIRST_BYTE
    this.control = null
    this.deliverControl(this.first, payload)
  }

  private deliverControl(first: number, payload: Buffer): void {
    const opcode = first & OPCODE_BITS
    if (opcode === Opcode.PING) this.sink.onPing(payload)
    else if (opcode === Opcode.PONG) this.sink.onPong(payload)
    else this.deliverClose(payload)
  }

  private deliverClose(body: Buffer): void {
    // RFC 6455 §5.5.1: nothing that follows a close frame counts.
    this.stop()
    if (body.length === 0) {
      this.sink.onClose(CloseCode.NO_STATUS_RECEIVED, '')
      return
    }
    const code = body.readUInt16BE(0)
    const reason = body.subarray(2)
    // RFC 6455 §7.4
    if (!isReceivableCloseCode(code)) this.fail('INVALID_CLOSE_CODE')
    // RFC 6455 §5.5.1 and §8.1: the reason is UTF-8.
    else if (!isValidUtf8(reason)) this.fail('INVALID_UTF8')
    else this.sink.onClose(code, reason.toString())
  }

  /** Payload bytes that a message with this first byte may have on the wire. */
  private limitOf(first: number): number {
    return (first & RSV1) === 0 ? this.limits.maxPayload : this.limits.maxCompressedSize
  }

  private forgetMessage(): void {
    this.messageFirst = 0
    this.fragments = 0
    this.utf8State = UTF8_BOUNDARY
    this.message = null
  }

  private fail(code: ErrorCode): void {
    this.stop()
    this.violation = new ShardwsError(code)
  }
}

function sizeViolation(first: number): ErrorCode {
  return (first & RSV1) === 0 ? 'MESSAGE_TOO_BIG' : 'COMPRESSED_TOO_BIG'
}
