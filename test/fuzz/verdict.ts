import type { TcpEnd } from '../fixtures/raw-socket.ts'
import { type ModelMessage, type Prediction, predict } from './model.ts'
import { framesOf, NO_ANSWER, type Session } from './session.ts'
import type { Transcript } from './transcript.ts'

/** More pings at once than these may share a pong, RFC 6455 §5.5.3. */
const PINGS_ANSWERED_EACH = 10

/** What is to be seen on the wire once nothing more will come, and whether it was. */
export class Verdict {
  readonly #session: Session
  readonly #transcript: Transcript
  #prediction: Prediction | null = null

  constructor(session: Session, transcript: Transcript) {
    this.#session = session
    this.#transcript = transcript
  }

  /** Known from the 101 on: what was agreed on decides what the frames mean. */
  get prediction(): Prediction {
    this.#prediction ??= predict(framesOf(this.#session), this.#transcript.extensions)
    return this.#prediction
  }

  /** Whether the server owes nothing more and waits for the client. */
  get isSettled(): boolean {
    const { messages, pings, closeCodes, isUncertain } = this.prediction
    if (isUncertain) return true
    const { messages: echoes, pongs } = this.#transcript
    return closeCodes === null && echoes.length >= messages.length && pongs.length >= expectedPongs(pings.length)
  }

  /**
   * What is wrong, in words.
   *
   * @param how the server ended the connection; null when the client did, and then anything may be missing.
   */
  findings(how: TcpEnd | null): string[] {
    const { answers, violations, isOpen } = this.#transcript
    const found = [...violations]
    const status = answers.find((answer) => answer.status !== 100)?.status ?? NO_ANSWER
    const { statuses, waits } = this.#session
    // Bytes sent behind a refused request can turn the server's FIN into a reset, which overtakes the answer.
    const isOvertaken = !waits && !statuses.includes(101)
    const mayBeSilent = status === NO_ANSWER && (how === null || isOvertaken)
    if (!mayBeSilent && !statuses.includes(status)) {
      found.push(`the handshake was answered with ${status}, not one of ${statuses.join(' ')} (${how})`)
    }
    if (isOpen) found.push(...this.#judgeFrames(how))
    return found
  }

  #judgeFrames(how: TcpEnd | null): string[] {
    const { messages, pongs, closeCode } = this.#transcript
    const { messages: wanted, pings, closeCodes, isUncertain } = this.prediction
    const found: string[] = []
    const isComplete = how !== null
    const count = Math.min(messages.length, wanted.length)
    for (let at = 0; at < count; at += 1) {
      if (!areEqual(messages[at], wanted[at]))
        found.push(`echo ${at} is ${told(messages[at])}, not ${told(wanted[at])}`)
    }
    if (messages.length > wanted.length && !isUncertain)
      found.push(`${messages.length - wanted.length} echoes too many`)
    if (isComplete && messages.length < wanted.length) found.push(`${messages.length} echoes of ${wanted.length}`)
    if (!isUncertain) found.push(...judgePongs(pongs, pings, isComplete))
    if (closeCode === null) {
      if (isComplete && closeCodes !== null) found.push(`no close frame, wanted ${closeCodes.join(' or ')} (${how})`)
    } else if (!isUncertain && !closeCodes?.includes(closeCode)) {
      found.push(`close code ${closeCode}, wanted ${closeCodes?.join(' or ') ?? 'none'}`)
    } else if (isUncertain && !isSendable(closeCode)) found.push(`close code ${closeCode}`)
    return found
  }
}

function judgePongs(pongs: readonly Buffer[], pings: readonly Buffer[], isComplete: boolean): string[] {
  let at = 0
  for (const pong of pongs) {
    while (at < pings.length && !pings[at]?.equals(pong)) at += 1
    if (at++ >= pings.length) return ['a pong for no ping, or out of order']
  }
  const wanted = expectedPongs(pings.length)
  return isComplete && pongs.length < wanted ? [`${pongs.length} pongs for ${pings.length} pings`] : []
}

function expectedPongs(pings: number): number {
  return Math.min(pings, PINGS_ANSWERED_EACH)
}

function areEqual(one: ModelMessage | undefined, other: ModelMessage | undefined): boolean {
  return one?.isText === other?.isText && one !== undefined && other !== undefined && one.payload.equals(other.payload)
}

function told(message: ModelMessage | undefined): string {
  if (message === undefined) return 'nothing'
  const { isText, payload } = message
  return `${isText ? 'text' : 'binary'} of ${payload.length} bytes ${payload.toString('hex', 0, 16)}`
}

function isSendable(code: number): boolean {
  return code === 1005 || (code >= 1000 && code <= 4999 && ![1004, 1006, 1015].includes(code))
}
