import { isUtf8 } from 'node:buffer'
import { DeflateContext } from '../fixtures/deflate-context.ts'
import { describePart, RawClient, type RawMessage } from '../fixtures/raw-client.ts'
import { encodeFrame, encodeFrames, RawOpcode } from '../fixtures/raw-frame.ts'
import { type Case, closing, cut, type End, fragments, type Step } from './case.ts'

/** Runs one case on a connection of its own. Returns what went wrong, or null. */
export async function runCase(port: number, testCase: Case): Promise<string | null> {
  const { deadlineMs = 5000, offer } = testCase
  let client: RawClient | undefined
  try {
    const headers = offer === undefined ? {} : { 'Sec-WebSocket-Extensions': offer }
    client = await RawClient.connect({ port, deadlineMs, headers })
    if ((client.extensions === null) !== (offer === undefined)) return `agreed on: ${client.extensions}`
    const runner = new CaseRunner(client)
    for (const step of testCase.steps()) await runner.run(step)
    await checkEnd(client, testCase.end)
    const unasked = [...client.unread(), ...client.violations]
    return unasked.length === 0 ? null : `unexpected: ${unasked.join(', ')}`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    client?.destroy()
  }
}

/** Runs cases `concurrency` at a time, in order; result i resolves when case i is through. */
export function runCases(port: number, cases: readonly Case[], concurrency: number): Promise<string | null>[] {
  const lanes: Promise<unknown>[] = Array.from({ length: concurrency }, () => Promise.resolve())
  return cases.map((testCase, index) => {
    const lane = index % concurrency
    const result = (lanes[lane] ?? Promise.resolve()).then(() => runCase(port, testCase))
    lanes[lane] = result
    return result
  })
}

class CaseRunner {
  readonly #client: RawClient
  readonly #context: DeflateContext

  constructor(client: RawClient) {
    this.#client = client
    this.#context = new DeflateContext(client.extensions ?? '')
  }

  async run(step: Step): Promise<void> {
    const client = this.#client
    switch (step.kind) {
      case 'send':
        if (step.chop === undefined) client.sendRaw(step.bytes)
        else await client.sendChopped(step.bytes, step.chop)
        return
      case 'sendEach':
        for (const bytes of step.writes) await client.sendChopped(bytes, Math.max(1, bytes.length))
        return
      case 'sendDeflated':
        return this.#sendDeflated(step)
      case 'message':
        return this.#checkMessage(await client.nextMessage(), step)
      case 'pong':
        return checkPart(await client.nextControl(), { opcode: RawOpcode.Pong, payload: step.payload })
      case 'fin':
        return client.end()
    }
  }

  #sendDeflated({ opcode, payload, cut: size }: Extract<Step, { kind: 'sendDeflated' }>): void {
    const body = this.#context.deflate(payload)
    const [first, ...rest] = fragments(opcode, size === undefined ? [body] : cut(body, size))
    if (first !== undefined) this.#client.sendRaw(encodeFrames([{ ...first, rsv: 4 }, ...rest]))
  }

  #checkMessage(seen: RawMessage, expected: Extract<Step, { kind: 'message' }>): void {
    const isCompressed = seen.isCompressed ?? false
    const payload = isCompressed ? this.#context.inflate(seen.payload) : seen.payload
    checkPart({ opcode: seen.opcode, payload }, expected)
    if (seen.opcode === RawOpcode.Text && !isUtf8(payload)) throw new Error('a text message is not UTF-8')
    if (isCompressed === (expected.isCompressed ?? isCompressed)) return
    throw new Error(`the message came ${isCompressed ? 'compressed' : 'as it is'}`)
  }
}

async function checkEnd(client: RawClient, end: End): Promise<void> {
  if (end === 'clean') client.sendRaw(encodeFrame(closing(1000)))
  const wanted = end === 'clean' ? 1000 : end
  if (wanted !== 'dropped') await client.closeFrame()
  const report = await client.waitClosed()
  const seen = report.closeFrameSeen ? `close ${report.closeCode} ${JSON.stringify(report.reason)}` : 'no close frame'
  if ((report.closeCode ?? 'dropped') !== wanted) throw new Error(`expected close ${wanted}; seen: ${seen}`)
  if (report.how !== 'fin') throw new Error(`the server reset the connection; seen: ${seen}`)
  if (report.framesAfterClose > 0) throw new Error(`${report.framesAfterClose} frames after the close frame`)
  if (report.bytesLeft > 0) throw new Error(`${report.bytesLeft} bytes of an unfinished frame; seen: ${seen}`)
}

function checkPart(seen: RawMessage, expected: Pick<RawMessage, 'opcode' | 'payload'>): void {
  if (seen.opcode === expected.opcode && seen.payload.equals(expected.payload)) return
  throw new Error(`expected ${describePart(expected)}; seen: ${describePart(seen)}`)
}
