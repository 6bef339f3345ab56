import { encodeFrame, RawOpcode } from '../fixtures/raw-frame.ts'
import {
  ascii,
  binary,
  type Case,
  chop,
  continuation,
  cut,
  fragments,
  gotBinary,
  gotPong,
  gotText,
  ping,
  type Step,
  send,
  sendEach,
  text,
  unfinished,
} from './case.ts'
import { firstOffence, hex, KOSME, UTF8_VECTORS, type Utf8Vector } from './utf8-vectors.ts'

const MIXED = Buffer.from('Hello-µ@ßöäüàá-UTF-8!!')
const SURROGATE = Buffer.concat([KOSME, hex('eda080'), Buffer.from('edited')])

/** Category 6: text must be UTF-8 (RFC 6455 §8.1), and what cannot become UTF-8 fails before the message ends. */
export const utf8Cases: readonly Case[] = [
  { id: '6.1.1', what: 'empty text', steps: () => [send(text()), gotText('')], end: 'clean' },
  {
    id: '6.1.2',
    what: 'three empty fragments',
    steps: () => [send(...fragments(1, ['', '', ''])), gotText('')],
    end: 'clean',
  },
  {
    id: '6.1.3',
    what: 'one full fragment between two empty',
    steps: () => [send(...fragments(1, ['', MIXED, ''])), gotText(MIXED)],
    end: 'clean',
  },
  { id: '6.2.1', what: 'several widths in one frame', steps: () => [send(text(MIXED)), gotText(MIXED)], end: 'clean' },
  {
    id: '6.2.2',
    what: 'two fragments, cut between code points',
    steps: () => [send(...fragments(1, ['Hello-µ@ßöä', 'üàá-UTF-8!!'])), gotText(MIXED)],
    end: 'clean',
  },
  {
    id: '6.2.3',
    what: 'fragments of one byte',
    steps: () => [send(...fragments(1, cut(MIXED, 1))), gotText(MIXED)],
    end: 'clean',
  },
  {
    id: '6.2.4',
    what: 'three-byte code points in fragments of one byte',
    steps: () => [send(...fragments(1, cut(KOSME, 1))), gotText(KOSME)],
    end: 'clean',
  },
  { id: '6.3.1', what: 'a surrogate in the middle', steps: () => [send(text(SURROGATE))], end: 1007 },
  {
    id: '6.3.2',
    what: 'the same in fragments of one byte',
    steps: () => [send(...fragments(1, cut(SURROGATE, 1)))],
    end: 1007,
  },
  ...failFast(),
  ...UTF8_VECTORS.flatMap(formsOf),
  ...splits(),
  ...longTexts(),
]

/** The message is never finished: only a peer that judges what it has can answer. */
function failFast(): Case[] {
  const out = hex('f4908080')
  const frames = (...parts: Buffer[]): Step =>
    sendEach(...parts.map((part, index) => (index === 0 ? text(part, unfinished) : continuation(part, unfinished))))
  const chops = (...parts: Buffer[]): Step => {
    const whole = Buffer.concat([...parts, Buffer.from('edited')])
    const bytes = encodeFrame(text(whole))
    const head = bytes.length - whole.length
    const ends = parts.map((_, index) => head + Buffer.concat(parts.slice(0, index + 1)).length)
    return { kind: 'sendEach', writes: ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end)) }
  }
  return [
    {
      id: '6.4.1',
      what: 'second fragment beyond U+10FFFF, third never sent',
      steps: () => [frames(KOSME, out)],
      end: 1007,
    },
    {
      id: '6.4.2',
      what: 'second fragment ends with the first impossible byte',
      steps: () => [frames(Buffer.concat([KOSME, hex('f4')]), hex('90'))],
      end: 1007,
    },
    { id: '6.4.3', what: 'as 6.4.1 in chops of one frame', steps: () => [chops(KOSME, out)], end: 1007 },
    {
      id: '6.4.4',
      what: 'as 6.4.2 in chops of one frame',
      steps: () => [chops(Buffer.concat([KOSME, hex('f4')]), hex('90'))],
      end: 1007,
    },
    {
      id: 'S6.4.1',
      what: 'first fragment ends with the first impossible byte',
      steps: () => [frames(hex('f490'))],
      end: 1007,
    },
    {
      id: 'S6.4.2',
      what: 'the impossible byte opens a fragment, an empty one before it',
      steps: () => [frames(hex('e0'), Buffer.alloc(0), hex('9f'))],
      end: 1007,
    },
    {
      id: 'S6.4.3',
      what: 'an impossible byte behind a good message, in one write',
      steps: () => [send(text('good'), text(hex('c0'), unfinished)), gotText('good')],
      end: 1007,
    },
    {
      id: 'S6.4.4',
      what: 'the last fragment stops inside a code point',
      steps: () => [send(...fragments(1, [KOSME, hex('e282')]))],
      end: 1007,
    },
    {
      id: 'S6.4.5',
      what: 'the last fragment is empty, the one before stops inside',
      steps: () => [send(...fragments(1, [hex('ce'), '']))],
      end: 1007,
    },
  ]
}

/** Every vector as one frame, as fragments of a byte, and in its most telling unfinished or chopped form. */
function formsOf({ id, what, bytes }: Utf8Vector): Case[] {
  const offence = firstOffence(bytes)
  const good = offence === -1
  const replies = good ? [gotText(bytes)] : []
  const end = good ? 'clean' : 1007
  const forms: Case[] = [
    { id, what, steps: () => [send(text(bytes)), ...replies], end },
    {
      id: `S${id}.1`,
      what: `${what}, fragments of a byte`,
      steps: () => [send(...fragments(1, cut(bytes, 1))), ...replies],
      end,
    },
    { id: `S${id}.2`, what: `${what}, a byte per write`, steps: () => [chop(1, text(bytes)), ...replies], end },
  ]
  if (good || offence === bytes.length) return forms
  const upToOffence = bytes.subarray(0, offence + 1)
  const header = 6
  return [
    ...forms,
    {
      id: `S${id}.3`,
      what: `${what}, an unfinished frame up to byte ${offence}`,
      steps: () => [
        {
          kind: 'send',
          bytes: encodeFrame(text(Buffer.concat([upToOffence, ascii(50)]))).subarray(0, header + offence + 1),
        },
      ],
      end: 1007,
    },
    {
      id: `S${id}.4`,
      what: `${what}, an unfinished message up to byte ${offence}`,
      steps: () => [send(text(upToOffence, unfinished))],
      end: 1007,
    },
  ]
}

function splits(): Case[] {
  const sample = Buffer.from('a¢€𤭢z\u{10ffff}é\u0000ﷰ')
  const cuts = Array.from({ length: sample.length + 1 }, (_, index) => index)
  return [
    {
      id: 'S6.24.1',
      what: 'well-formed text in two fragments, cut at every byte',
      steps: () => [
        send(...cuts.flatMap((at) => fragments(1, [sample.subarray(0, at), sample.subarray(at)]))),
        ...cuts.map(() => gotText(sample)),
      ],
      end: 'clean',
    },
    {
      id: 'S6.24.2',
      what: 'well-formed text in three fragments, cut at every pair of bytes',
      steps: () => {
        const pairs = cuts.flatMap((from) => cuts.filter((to) => to >= from).map((to) => [from, to] as const))
        const messages = pairs.map(([from, to]) =>
          fragments(1, [sample.subarray(0, from), sample.subarray(from, to), sample.subarray(to)]),
        )
        return [send(...messages.flat()), ...messages.map(() => gotText(sample))]
      },
      end: 'clean',
    },
    {
      id: 'S6.24.3',
      what: 'a ping and a pong inside a code point',
      steps: () => [
        send(text(hex('f0'), unfinished), ping('inside'), continuation(hex('a4ad'), unfinished)),
        gotPong('inside'),
        send({ opcode: RawOpcode.Pong }, continuation(hex('a2'))),
        gotText('𤭢'),
      ],
      end: 'clean',
    },
    {
      id: 'S6.24.4',
      what: 'binary is not judged, nor does it disturb the text behind it',
      steps: () => [
        send(...fragments(2, [hex('ce'), hex('ff')]), text(KOSME), binary(hex('f4908080'))),
        gotBinary(hex('ceff')),
        gotText(KOSME),
        gotBinary(hex('f4908080')),
      ],
      end: 'clean',
    },
  ]
}

/** Offences around the sizes where a fast path or a read buffer begins or ends. */
function longTexts(): Case[] {
  const places = [0, 7, 8, 31, 32, 63, 64, 125, 126, 1023, 4095, 16_383, 65_535, 65_536, 131_071]
  const wide = Buffer.from('κόσμε€𤭢ß!'.repeat(8000))
  return [
    ...places.map(
      (place, index): Case => ({
        id: `S6.25.${index + 1}`,
        what: `an unfinished frame of 200000 bytes whose byte ${place} is impossible`,
        steps: () => {
          const payload = ascii(200_000)
          payload[place] = 0xff
          return [{ kind: 'send', bytes: encodeFrame(text(payload)).subarray(0, 14 + place + 1) }]
        },
        end: 1007,
      }),
    ),
    ...[1, 997, 4096, 65_536].map(
      (size, index): Case => ({
        id: `S6.26.${index + 1}`,
        what: `${wide.length} bytes of mixed widths, ${size} per ${index === 0 ? 'fragment' : 'write'}`,
        steps: () => [
          index === 0 ? send(...fragments(1, cut(wide.subarray(0, 22 * 500), size))) : chop(size, text(wide)),
          gotText(index === 0 ? wide.subarray(0, 22 * 500) : wide),
        ],
        end: 'clean',
      }),
    ),
    {
      id: 'S6.27',
      what: '1 MiB of text whose last byte is missing',
      steps: () => [send(text(Buffer.concat([ascii(1 << 20), hex('e282')])))],
      end: 1007,
    },
  ]
}
