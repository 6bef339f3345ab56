import { isUtf8 } from 'node:buffer'
import { DeflateContext } from '../fixtures/deflate-context.ts'
import { RawFrameReader, RawOpcode, type ReceivedFrame, smallestForm } from '../fixtures/raw-frame.ts'
import { SAMPLE_ACCEPT } from '../fixtures/raw-request.ts'
import { type HttpAnswer, readAnswer } from './http-answer.ts'
import type { ModelMessage } from './model.ts'

/** RSV1 in `ReceivedFrame.rsv`. */
const COMPRESSED = 4

/** Whether a message is no echo: somebody has sent it to everybody. */
export type IsForeign = (message: ModelMessage) => boolean

/** What a server sent on one connection, and what of it RFC 9112, 6455 and 7692 forbid. */
export class Transcript {
  readonly answers: HttpAnswer[] = []
  readonly messages: ModelMessage[] = []
  /** Payloads. */
  readonly pongs: Buffer[] = []
  /** 1005 for a close frame without a code. */
  closeCode: number | null = null
  readonly violations: string[] = []
  readonly #frames = new RawFrameReader()
  readonly #isForeign: IsForeign
  #unread: Buffer = Buffer.alloc(0)
  #fragments: ReceivedFrame[] = []
  #deflate: DeflateContext | null = null

  /** @param isForeign Default: there are only echoes. */
  constructor(isForeign: IsForeign = () => false) {
    this.#isForeign = isForeign
  }

  /** Whether the opening handshake has succeeded. */
  get isOpen(): boolean {
    return this.answers.at(-1)?.status === 101
  }

  /** What was agreed on, null for nothing. */
  get extensions(): string | null {
    return this.answers.at(-1)?.headers.get('sec-websocket-extensions')?.join(', ') ?? null
  }

  take(bytes: Buffer): void {
    if (this.isOpen) this.#takeFrames(bytes)
    else this.#takeHttp(Buffer.concat([this.#unread, bytes]), false)
  }

  /** The server has ended the connection. */
  end(): void {
    if (!this.isOpen) this.#takeHttp(this.#unread, true)
    if (this.#unread.length > 0) this.#wrong(`${this.#unread.length} bytes that are no answer`)
    if (this.#frames.leftover > 0) this.#wrong(`${this.#frames.leftover} bytes of an unfinished frame`)
  }

  #takeHttp(bytes: Buffer, isEnded: boolean): void {
    this.#unread = bytes
    while (this.#unread.length > 0 && this.violations.length === 0) {
      const answer = this.#readAnswer(isEnded)
      if (answer === null) return
      if (this.answers.at(-1)?.isLast) this.#wrong(`${answer.status} after the last answer`)
      const rest = this.#unread.subarray(answer.end)
      this.#unread = Buffer.alloc(0)
      this.answers.push(answer)
      if (answer.status === 101) {
        this.#open(answer)
        this.#takeFrames(rest)
        return
      }
      this.#unread = rest
    }
  }

  #readAnswer(isEnded: boolean): HttpAnswer | null {
    try {
      return readAnswer(this.#unread, isEnded)
    } catch (error) {
      this.#wrong(String(error))
      return null
    }
  }

  #open({ headers }: HttpAnswer): void {
    if (headers.get('upgrade')?.join() !== 'websocket') this.#wrong('a 101 without Upgrade: websocket')
    if (headers.get('sec-websocket-accept')?.join() !== SAMPLE_ACCEPT) this.#wrong('a wrong Sec-WebSocket-Accept')
    if (this.extensions !== null) this.#deflate = new DeflateContext(this.extensions)
  }

  #takeFrames(bytes: Buffer): void {
    for (const frame of this.#frames.push(bytes)) this.#takeFrame(frame)
  }

  #takeFrame(frame: ReceivedFrame): void {
    const { opcode, payload, fin, rsv, masked, lengthForm } = frame
    const isControl = opcode >= 8
    const mayCompress = this.#deflate !== null && (opcode === 1 || opcode === 2)
    if (this.closeCode !== null) this.#wrong(`a frame behind the close frame, opcode ${opcode}`)
    if (masked) this.#wrong('a masked frame')
    if (rsv !== 0 && !(rsv === COMPRESSED && mayCompress)) this.#wrong(`reserved bits ${rsv} on opcode ${opcode}`)
    if (lengthForm !== smallestForm(BigInt(payload.length))) this.#wrong(`${payload.length} bytes in a long length`)
    if (!Object.values<number>(RawOpcode).includes(opcode)) this.#wrong(`opcode ${opcode}`)
    if (isControl && (!fin || payload.length > 125)) this.#wrong('a fragmented or long control frame')
    if (!isControl && (opcode === 0) !== this.#fragments.length > 0) this.#wrong('a fragment out of place')
    if (opcode === RawOpcode.Close) this.#takeClose(payload)
    else if (opcode === RawOpcode.Pong) this.pongs.push(Buffer.from(payload))
    else if (!isControl) this.#takeData(frame)
  }

  #takeClose(body: Buffer): void {
    if (body.length === 1 || !isUtf8(body.subarray(2))) this.#wrong('a malformed close frame')
    this.closeCode = body.length >= 2 ? body.readUInt16BE(0) : 1005
  }

  #takeData(frame: ReceivedFrame): void {
    this.#fragments.push(frame)
    if (!frame.fin) return
    const { opcode, rsv } = this.#fragments[0] ?? frame
    const body = Buffer.concat(this.#fragments.map(({ payload }) => payload))
    this.#fragments = []
    const payload = rsv === COMPRESSED ? this.#inflate(body) : body
    if (opcode === RawOpcode.Text && !isUtf8(payload)) this.#wrong('text that is not UTF-8')
    const message = { isText: opcode === RawOpcode.Text, payload }
    if (!this.#isForeign(message)) this.messages.push(message)
  }

  #inflate(body: Buffer): Buffer {
    try {
      return this.#deflate?.inflate(body) ?? body
    } catch (error) {
      this.#wrong(`a compressed message that cannot be read: ${error}`)
      return body
    }
  }

  #wrong(what: string): void {
    this.violations.push(what)
  }
}
