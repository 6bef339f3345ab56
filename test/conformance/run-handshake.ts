import { createHash } from 'node:crypto'
import { describePart, RawClient } from '../fixtures/raw-client.ts'
import { encodeFrame, encodeFrames, type FrameSpec, RawOpcode } from '../fixtures/raw-frame.ts'
import { closing, text } from './case.ts'
import type { HandshakeCase } from './handshake-case.ts'

/** Runs one handshake on a connection of its own. Returns what went wrong, or null. */
export async function runHandshake(port: number, testCase: HandshakeCase): Promise<string | null> {
  let client: RawClient | undefined
  try {
    const behind = Buffer.concat([testCase.behind ?? Buffer.alloc(0), encodeFrames(testCase.early ?? [])])
    const chop = testCase.chop === undefined ? {} : { chop: testCase.chop }
    client = await RawClient.open({ port, handshake: testCase.request, behind, ...chop })
    const { status } = client.response
    if (!testCase.status.includes(status)) return `expected ${testCase.status.join(' or ')}; seen: ${status}`
    checkHeaders(client, testCase)
    if (status === 101) await checkAccepted(client, testCase)
    else await checkRefused(client)
    return client.violations.length === 0 ? null : client.violations.join(', ')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    client?.destroy()
  }
}

/** RFC 6455 §4.2.2, item 5; then the connection must work and close. */
async function checkAccepted(client: RawClient, { request, early = [] }: HandshakeCase): Promise<void> {
  const key = /^sec-websocket-key:[ \t]*(.*?)[ \t]*$/im.exec(request.toString('latin1'))?.[1] ?? ''
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  expectHeader(client, 'sec-websocket-accept', accept)
  expectHeader(client, 'upgrade', 'websocket')
  expectHeader(client, 'connection', 'upgrade')
  const last = text('the connection works')
  client.sendFrame(last)
  for (const frame of [...early, last]) await expectEcho(client, frame)
  client.sendRaw(encodeFrame(closing(1000)))
  const report = await client.waitClosed()
  if (report.closeCode !== 1000 || report.how !== 'fin')
    throw new Error(`closed with ${report.closeCode}, ${report.how}`)
  if (client.unread().length > 0) throw new Error(`unexpected: ${client.unread().join(', ')}`)
}

async function expectEcho(client: RawClient, frame: FrameSpec): Promise<void> {
  const expected = { opcode: RawOpcode.Text, payload: Buffer.from(frame.payload ?? '') }
  const message = await client.nextMessage()
  if (message.opcode === expected.opcode && message.payload.equals(expected.payload)) return
  throw new Error(`expected ${describePart(expected)}; seen: ${describePart(message)}`)
}

/** A refusal is the last thing said: it announces the close, is the only response, and the server ends TCP. */
async function checkRefused(client: RawClient): Promise<void> {
  const { headers, status } = client.response
  const report = await client.waitClosed()
  if (report.how !== 'fin') throw new Error(`status ${status}, then a reset`)
  // RFC 9112 §9.6; a 426 names Upgrade beside it.
  const connection =
    headers
      .get('connection')
      ?.join(',')
      .toLowerCase()
      .split(/[ \t]*,[ \t]*/) ?? []
  if (!connection.includes('close')) throw new Error(`status ${status} without connection: close`)
  const length = headers.get('content-length')?.[0]
  if (length === undefined && client.body.includes('HTTP/1.'))
    throw new Error(`status ${status}, then another response`)
  if (length !== undefined && Number(length) !== client.body.length) {
    throw new Error(`status ${status}: content-length ${length}, but ${client.body.length} bytes behind the head`)
  }
}

function checkHeaders(client: RawClient, { headers = {} }: HandshakeCase): void {
  for (const [name, value] of Object.entries(headers)) {
    const seen = client.response.headers.get(name)
    if (value !== null) expectHeader(client, name, value)
    else if (seen !== undefined) throw new Error(`unexpected header ${name}: ${seen.join(' | ')}`)
  }
}

function expectHeader(client: RawClient, name: string, value: string): void {
  const seen = client.response.headers.get(name)
  if (seen?.length === 1 && seen[0]?.toLowerCase() === value.toLowerCase()) return
  throw new Error(`status ${client.response.status}: expected ${name}: ${value}; seen: ${seen?.join(' | ') ?? 'none'}`)
}
