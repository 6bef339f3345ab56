import { encodeFrames, RawOpcode } from '../fixtures/raw-frame.ts'
import {
  binary,
  type Case,
  chop,
  closing,
  gotText,
  octets,
  ping,
  send,
  sendEach,
  sendPart,
  text,
  unfinished,
} from './case.ts'

// RFC 6455 §5.2: RSV1–3 must be 0 unless an extension was negotiated that defines them.
const VALUES = [1, 2, 3, 4, 5, 6, 7]

/** Category 3: reserved bits. No extension is negotiated here. */
export const reservedBitsCases: readonly Case[] = [
  { id: '3.1', what: 'rsv 1 on text', steps: () => [send(text('rsv', { rsv: 1 }))], end: 1002 },
  {
    id: '3.2',
    what: 'rsv 2 on the second text, then a ping',
    steps: () => [send(text('first'), text('rsv', { rsv: 2 }), ping()), gotText('first')],
    end: 1002,
  },
  {
    id: '3.3',
    what: 'the same with rsv 3, a frame per write',
    steps: () => [sendEach(text('first'), text('rsv', { rsv: 3 }), ping()), gotText('first')],
    end: 1002,
  },
  {
    id: '3.4',
    what: 'the same with rsv 4, a byte per write',
    steps: () => [chop(1, text('first'), text('rsv', { rsv: 4 }), ping()), gotText('first')],
    end: 1002,
  },
  { id: '3.5', what: 'rsv 5 on binary', steps: () => [send(binary(octets(8), { rsv: 5 }))], end: 1002 },
  { id: '3.6', what: 'rsv 6 on a ping', steps: () => [send(ping('rsv', { rsv: 6 }))], end: 1002 },
  { id: '3.7', what: 'rsv 7 on a close frame', steps: () => [send(closing(1000, '', { rsv: 7 }))], end: 1002 },
  ...VALUES.flatMap((rsv) =>
    Object.entries(RawOpcode).map(
      ([name, opcode]): Case => ({
        id: `S3.${rsv}.${opcode}`,
        what: `rsv ${rsv} on ${name}`,
        steps: () => {
          const opening = opcode === RawOpcode.Continuation ? [text('a', unfinished)] : []
          return [{ kind: 'send', bytes: encodeFrames([...opening, { opcode, rsv }]) }]
        },
        end: 1002,
      }),
    ),
  ),
  {
    id: 'S3.8',
    what: 'rsv 4, only two bytes of the frame',
    steps: () => [sendPart(2, text(octets(64), { rsv: 4 }))],
    end: 1002,
  },
]
