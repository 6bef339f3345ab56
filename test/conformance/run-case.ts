import { describePart, RawClient, type RawMessage } from '../fixtures/raw-client.ts'
import { encodeFrame, RawOpcode } from '../fixtures/raw-frame.ts'
import { type Case, closing, type End, type Step } from './case.ts'

/** Runs one case on a connection of its own. Returns what went wrong, or null. */
export async function runCase(port: number, testCase: Case): Promise<string | null> {
  const { deadlineMs = 5000 } = testCase
  let client: RawClient | undefined
  try {
    client = await RawClient.connect({ port, deadlineMs })
    for (const step of testCase.steps()) await runStep(client, step)
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

async function runStep(client: RawClient, step: Step): Promise<void> {
  switch (step.kind) {
    case 'send':
      if (step.chop === undefined) client.sendRaw(step.bytes)
      else await client.sendChopped(step.bytes, step.chop)
      return
    case 'sendEach':
      for (const bytes of step.writes) await client.sendChopped(bytes, Math.max(1, bytes.length))
      return
    case 'message':
      return checkPart(await client.nextMessage(), step)
    case 'pong':
      return checkPart(await client.nextControl(), { opcode: RawOpcode.Pong, payload: step.payload })
    case 'fin':
      return client.end()
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

function checkPart(seen: RawMessage, expected: RawMessage): void {
  if (seen.opcode === expected.opcode && seen.payload.equals(expected.payload)) return
  throw new Error(`expected ${describePart(expected)}; seen: ${describePart(seen)}`)
}
