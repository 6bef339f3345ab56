import t from 'tap'
import { FrameParser } from '../../../src/shared/protocol/frame-parser.ts'
import { EventLog, LIMITS } from './event-log.ts'

interface Situation {
  readonly role: 'server' | 'client'
  readonly allowRsv1: boolean
  readonly isInMessage: boolean
}

/** What the RFC says about two bytes, written down independently: the violation, and which byte shows it. */
function model(first: number, second: number, { role, allowRsv1, isInMessage }: Situation): [string, 1 | 2] | null {
  const [fin, rsv1, rsv2, rsv3] = [0x80, 0x40, 0x20, 0x10].map((bit) => Math.floor(first / bit) % 2 === 1)
  const opcode = first % 16
  const isControl = [8, 9, 10].includes(opcode)
  const beginsMessage = opcode === 1 || opcode === 2
  if (rsv2 || rsv3 || (rsv1 && !(allowRsv1 && beginsMessage))) return ['RESERVED_BITS', 1]
  if (!isControl && opcode > 2) return ['INVALID_OPCODE', 1]
  if (isControl && !fin) return ['FRAGMENTED_CONTROL', 1]
  if (opcode === 0 && !isInMessage) return ['UNEXPECTED_CONTINUATION', 1]
  if (beginsMessage && isInMessage) return ['EXPECTED_CONTINUATION', 1]
  if (role === 'server' && second < 128) return ['MASK_REQUIRED', 2]
  if (role === 'client' && second >= 128) return ['MASK_FORBIDDEN', 2]
  if (isControl && second % 128 > 125) return ['CONTROL_TOO_LONG', 2]
  if (opcode === 8 && second % 128 === 1) return ['INVALID_CLOSE_PAYLOAD', 2]
  return null
}

function openParser({ role, allowRsv1, isInMessage }: Situation): FrameParser {
  const parser = new FrameParser(role, { ...LIMITS, allowRsv1 }, new EventLog())
  if (isInMessage) parser.push(Buffer.from(role === 'server' ? [0x02, 0x80, 0, 0, 0, 0] : [0x02, 0x00]))
  return parser
}

for (const role of ['server', 'client'] as const) {
  for (const allowRsv1 of [false, true]) {
    for (const isInMessage of [false, true]) {
      const situation = { role, allowRsv1, isInMessage }
      t.test(`all first two bytes: ${JSON.stringify(situation)}`, (t) => {
        const differences: unknown[] = []
        for (let value = 0; value < 0x10000; value += 1) {
          const [first, second] = [value >> 8, value & 0xff]
          const expected = model(first, second, situation)
          const together = openParser(situation).push(Buffer.of(first, second))
          const apart = openParser(situation)
          const onFirst = apart.push(Buffer.of(first))
          const onSecond = apart.push(Buffer.of(second))
          const found = [together?.code ?? null, onFirst?.code ?? null, onSecond?.code ?? null]
          const wanted = [
            expected?.[0] ?? null,
            expected?.[1] === 1 ? expected[0] : null,
            expected?.[1] === 2 ? expected[0] : null,
          ]
          if (found.join() !== wanted.join()) differences.push({ bytes: value.toString(16), found, wanted })
        }
        t.same(differences.slice(0, 5), [], 'parser and model agree')
        t.end()
      })
    }
  }
}
