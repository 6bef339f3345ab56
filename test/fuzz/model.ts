import { InflateModel } from './inflate-model.ts'
import { MAX_FRAGMENTS, MAX_PAYLOAD } from './servers.ts'
import { canBecomeUtf8, isWholeUtf8 } from './utf8-model.ts'

/** A message that the server must echo. */
export interface ModelMessage {
  readonly isText: boolean
  readonly payload: Buffer
}

/** What a server that keeps to the RFCs and its limits makes of a client's bytes. */
export interface Prediction {
  readonly messages: readonly ModelMessage[]
  /** Payloads. */
  readonly pings: readonly Buffer[]
  /** Codes of which the server's close frame has one, 1005 for none; null while nothing has ended the session. */
  readonly closeCodes: readonly number[] | null
  /** Whether anything may follow what is predicted: a compressed message was damaged in a way that has no certain end. */
  readonly isUncertain: boolean
}

interface Frame {
  readonly first: number
  readonly payload: Buffer
  /** Whether all of the payload is there. */
  readonly isWhole: boolean
  readonly end: number
}

/** What ends the session: legal close codes. */
type Verdict = readonly number[]

const PROTOCOL_ERROR: Verdict = [1002]

/**
 * The reference: RFC 6455 and 7692 read once more, over the whole stream at once, in the simplest words there are and
 * with nothing of the engine's in it.
 */
export function predict(stream: Buffer, extensions: string | null): Prediction {
  return new Model(stream, extensions).run()
}

class Model {
  readonly #stream: Buffer
  readonly #inflate: InflateModel | null
  readonly #messages: ModelMessage[] = []
  readonly #pings: Buffer[] = []
  #isUncertain = false
  /** First byte and payload parts of the message at hand. */
  #message: { readonly first: number; readonly parts: Buffer[] } | null = null

  constructor(stream: Buffer, extensions: string | null) {
    this.#stream = stream
    this.#inflate = extensions === null ? null : new InflateModel(extensions, MAX_PAYLOAD)
  }

  run(): Prediction {
    let at = 0
    let closeCodes: Verdict | null = null
    while (closeCodes === null && at < this.#stream.length && !this.#isUncertain) {
      const frame = this.#readFrame(at)
      if (frame === null) break
      if ('first' in frame) {
        closeCodes = this.#take(frame)
        at = frame.end
      } else closeCodes = frame
    }
    return { messages: this.#messages, pings: this.#pings, closeCodes, isUncertain: this.#isUncertain }
  }

  /** Null when the stream ends before the payload begins. */
  #readFrame(at: number): Frame | Verdict | null {
    const bytes = this.#stream.subarray(at)
    const first = bytes[0] as number
    const wrong = this.#judgeFirst(first)
    if (wrong !== null || bytes.length < 2) return wrong
    const second = bytes[1] as number
    const short = second & 0x7f
    const isControl = (first & 0x08) !== 0
    // §5.1, §5.5, §5.5.1
    if ((second & 0x80) === 0 || (isControl && short > 125)) return PROTOCOL_ERROR
    if ((first & 0x0f) === 8 && short === 1) return PROTOCOL_ERROR
    const keyAt = short < 126 ? 2 : short === 126 ? 4 : 10
    // §5.2: the most significant bit is 0.
    if (short === 127 && bytes.length > 2 && (bytes[2] as number) > 127) return PROTOCOL_ERROR
    if (bytes.length < keyAt) return null
    const length = BigInt(`0x${short < 126 ? short.toString(16) : bytes.toString('hex', 2, keyAt)}`)
    // §5.2: the minimal number of bytes.
    if ((short === 126 && length < 126n) || (short === 127 && length < 65_536n)) return PROTOCOL_ERROR
    if (!isControl && BigInt(this.#kept()) + length > BigInt(MAX_PAYLOAD)) return [1009]
    const start = keyAt + 4
    if (bytes.length < start) return null
    const end = start + Number(length)
    const payload = Buffer.from(bytes.subarray(start, end))
    for (let index = 0; index < payload.length; index += 1) {
      payload[index] = (payload[index] as number) ^ (bytes[keyAt + (index % 4)] as number)
    }
    return { first, payload, isWhole: bytes.length >= end, end: at + end }
  }

  #judgeFirst(first: number): Verdict | null {
    const opcode = first & 0x0f
    const reserved = (first >> 4) & 7
    const mayCompress = this.#inflate !== null && (opcode === 1 || opcode === 2)
    if (reserved !== 0 && !(reserved === 4 && mayCompress)) return PROTOCOL_ERROR
    if (opcode >= 8) return opcode > 10 || first < 128 ? PROTOCOL_ERROR : null
    if (opcode > 2) return PROTOCOL_ERROR
    if ((opcode === 0) !== (this.#message !== null)) return PROTOCOL_ERROR
    return (this.#message?.parts.length ?? 0) >= MAX_FRAGMENTS ? [1008] : null
  }

  #kept(): number {
    return this.#message?.parts.reduce((sum, { length }) => sum + length, 0) ?? 0
  }

  #take({ first, payload, isWhole }: Frame): Verdict | null {
    const opcode = first & 0x0f
    if (opcode < 8) return this.#takeData(first, payload, isWhole)
    if (!isWhole) return null
    if (opcode === 9) this.#pings.push(payload)
    return opcode === 8 ? closeAnswer(payload) : null
  }

  #takeData(first: number, payload: Buffer, isWhole: boolean): Verdict | null {
    this.#message ??= { first, parts: [] }
    const { first: begin, parts } = this.#message
    parts.push(payload)
    const isText = (begin & 0x0f) === 1
    const isCompressed = (begin & 0x40) !== 0
    const body = Buffer.concat(parts)
    // §8.1, as soon as the bytes are here.
    if (isText && !isCompressed && !canBecomeUtf8(body)) return [1007]
    if (!isWhole || (first & 0x80) === 0) return null
    this.#message = null
    return isCompressed ? this.#takeCompressed(body, isText) : this.#deliver(body, isText)
  }

  #takeCompressed(body: Buffer, isText: boolean): Verdict | null {
    const result = this.#inflate?.inflate(body) ?? 'uncertain'
    if (result === 'uncertain') this.#isUncertain = true
    else if (result === 'corrupt') return [1007, 1009]
    else if (result.length > MAX_PAYLOAD) return [1009]
    else return this.#deliver(result, isText)
    return null
  }

  #deliver(payload: Buffer, isText: boolean): Verdict | null {
    if (isText && !isWholeUtf8(payload)) return [1007]
    this.#messages.push({ isText, payload })
    return null
  }
}

/** §5.5.1, §7.4: the code comes back; one that must not be sent, or a reason that is not UTF-8, is an error. */
function closeAnswer(body: Buffer): Verdict {
  if (body.length === 0) return [1005]
  const code = body.readUInt16BE(0)
  const isLegal = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999)
  if (!isLegal) return PROTOCOL_ERROR
  return isWholeUtf8(body.subarray(2)) ? [code] : [1007]
}
