import { RawSocket } from '../fixtures/raw-socket.ts'
import { bytesOf, type Session } from './session.ts'
import { type IsForeign, Transcript } from './transcript.ts'
import { Verdict } from './verdict.ts'

/** Of every wait; far beyond what any of them takes. */
const DEADLINE_MS = 20_000
/** Sessions at once. */
const CONCURRENCY = 24

export interface Outcome {
  /** What is wrong; empty when nothing is. */
  readonly findings: readonly string[]
  /** Of the first final answer, 0 for none. */
  readonly status: number
  /** Null: the server sent no close frame. */
  readonly closeCode: number | null
}

/** Plays one session against the server at this port and judges what came back. Never rejects: what fails is a finding. */
export async function play(session: Session, port: number, isForeign?: IsForeign): Promise<Outcome> {
  try {
    return await playOn(await RawSocket.open(port, DEADLINE_MS), session, isForeign)
  } catch (error) {
    return { findings: [String(error)], status: 0, closeCode: null }
  }
}

/** Calls `playOne` for each of them, for some at the same time. */
export async function playAll(
  sessions: readonly Session[],
  playOne: (session: Session) => Promise<void>,
): Promise<void> {
  const waiting = [...sessions]
  const playNext = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await playOne(next)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, playNext))
}

async function playOn(socket: RawSocket, session: Session, isForeign?: IsForeign): Promise<Outcome> {
  const transcript = new Transcript(isForeign)
  const verdict = new Verdict(session, transcript)
  socket.onBytes = (bytes) => transcript.take(bytes)
  socket.describe = () => `${transcript.messages.length} echoes, close ${transcript.closeCode}`
  let findings: string[]
  try {
    await send(session, socket, transcript)
    findings = await finish(session, socket, transcript, verdict)
  } catch (error) {
    findings = [String(error), ...verdict.findings(null)]
  } finally {
    socket.destroy()
  }
  await socket.waitEnd()
  const { closeCode, answers } = transcript
  return { findings, closeCode, status: answers.at(-1)?.status ?? 0 }
}

async function send(session: Session, socket: RawSocket, transcript: Transcript): Promise<void> {
  const request = Buffer.from(session.request, 'latin1')
  const bytes = Buffer.concat([request, bytesOf(session.frames)])
  let at = 0
  let index = 0
  while (at < bytes.length && socket.how === undefined) {
    if (session.pause?.before === index) pauseFor(session.pause.turns, socket)
    if (session.waits && at === request.length) {
      // A paused client would wait for ever.
      socket.resume()
      await socket.waitFor('an answer', () => (transcript.answers.length > 0 ? true : undefined)).catch(() => {})
      if (!transcript.isOpen) return
    }
    const isRequest = session.waits && at < request.length
    const most = isRequest ? request.length : bytes.length
    const end = Math.min(most, at + (session.writes[index] ?? bytes.length))
    // Waits for the kernel where it must: a reset is then not held up by bytes to write.
    await socket.writeChopped(bytes.subarray(at, end), end - at).catch(() => {})
    at = end
    index += 1
  }
}

function pauseFor(turns: number, socket: RawSocket): void {
  socket.pause()
  let left = turns
  const next = (): void => {
    if (left-- > 0) setImmediate(next)
    else socket.resume()
  }
  next()
}

async function finish(
  { ending }: Session,
  socket: RawSocket,
  transcript: Transcript,
  verdict: Verdict,
): Promise<string[]> {
  if (ending === 'reset') {
    // Node leaks a socket that is reset while its own FIN is on the way.
    if (socket.how === undefined) socket.reset()
    await socket.waitEnd()
    return verdict.findings(null)
  }
  if (ending === 'stay') await socket.waitFor('what was predicted', () => isSettled(socket, transcript, verdict))
  socket.end()
  const how = await socket.waitEnd()
  transcript.end()
  return verdict.findings(how)
}

/** Whether the next move is the client's. */
function isSettled(socket: RawSocket, transcript: Transcript, verdict: Verdict): true | undefined {
  if (socket.how !== undefined) return true
  return transcript.isOpen && verdict.isSettled ? true : undefined
}
