import { FrameParser, type FrameSink, type ParserLimits } from '../../../src/shared/protocol/frame-parser.ts'

export const LIMITS: ParserLimits = {
  maxPayload: 1 << 20,
  maxCompressedSize: 1 << 20,
  maxFragments: 1024,
  allowRsv1: false,
}

/** A sink that writes down what it is told, payloads in hex because they are valid during the call only. */
export class EventLog implements FrameSink {
  readonly events: string[] = []

  onMessage(payload: Buffer, isBinary: boolean, isCompressed: boolean): void {
    this.events.push(`${isCompressed ? 'compressed ' : ''}${isBinary ? 'binary' : 'text'} ${payload.toString('hex')}`)
  }

  onPing(payload: Buffer): void {
    this.events.push(`ping ${payload.toString('hex')}`)
  }

  onPong(payload: Buffer): void {
    this.events.push(`pong ${payload.toString('hex')}`)
  }

  onClose(code: number, reason: string): void {
    this.events.push(`close ${code} ${reason}`)
  }
}

export function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(/\s/g, ''), 'hex')
}

/** Pushes copies of `parts`, since the parser works in place, and returns all events; a violation is the last one. */
export function parse(
  parts: readonly Buffer[],
  { role = 'server', ...limits }: Partial<ParserLimits> & { role?: 'server' | 'client' } = {},
): string[] {
  const log = new EventLog()
  const parser = new FrameParser(role, { ...LIMITS, ...limits }, log)
  for (const part of parts) {
    const violation = parser.push(Buffer.from(part))
    if (violation !== null) log.events.push(violation.code)
  }
  return log.events
}

/** `bytes` cut at every position in turn, then into single bytes. */
export function* everySplit(bytes: Buffer): Generator<Buffer[]> {
  for (let at = 0; at <= bytes.length; at += 1) yield [bytes.subarray(0, at), bytes.subarray(at)]
  yield Array.from(bytes, (byte) => Buffer.of(byte))
}
