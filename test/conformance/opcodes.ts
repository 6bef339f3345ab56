import type { FrameSpec } from '../fixtures/raw-frame.ts'
import { type Case, chop, continuation, gotText, ping, send, sendEach, sendPart, text, unfinished } from './case.ts'

/** Category 4: reserved opcodes, RFC 6455 §5.2. 4.1 are data opcodes, 4.2 control opcodes. */
export const opcodeCases: readonly Case[] = [...reserved('4.1', 3), ...reserved('4.2', 11), ...everyReserved()]

function reserved(group: string, first: number): Case[] {
  const alone = (offset: number, payload: string): Case => ({
    id: `${group}.${offset + 1}`,
    what: `opcode ${first + offset}${payload === '' ? '' : ' with payload'}`,
    steps: () => [send({ opcode: first + offset, payload })],
    end: 1002,
  })
  const behind = (offset: number, payload: string, how: (...frames: FrameSpec[]) => ReturnType<typeof send>): Case => ({
    id: `${group}.${offset + 1}`,
    what: `opcode ${first + offset} between a text and a ping`,
    steps: () => [how(text('first'), { opcode: first + offset, payload }, ping()), gotText('first')],
    end: 1002,
  })
  return [
    alone(0, ''),
    alone(1, 'reserved'),
    behind(2, '', send),
    behind(3, 'reserved', sendEach),
    behind(4, 'reserved', (...frames) => chop(1, ...frames)),
  ]
}

function everyReserved(): Case[] {
  return [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode): Case[] => [
    {
      id: `S4.1.${opcode}`,
      what: `two bytes of opcode ${opcode}`,
      steps: () => [sendPart(2, { opcode, payload: 'later' })],
      end: 1002,
    },
    {
      id: `S4.2.${opcode}`,
      what: `opcode ${opcode} without FIN`,
      steps: () => [send({ opcode, fin: false })],
      end: 1002,
    },
    {
      id: `S4.3.${opcode}`,
      what: `opcode ${opcode} inside a fragmented message`,
      steps: () => [send(text('a', unfinished), { opcode }, continuation('b'))],
      end: 1002,
    },
  ])
}
