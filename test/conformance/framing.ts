import { encodeFrames, type FrameSpec } from '../fixtures/raw-frame.ts'
import {
  ascii,
  binary,
  type Case,
  chop,
  closing,
  continuation,
  fragments,
  gotBinary,
  gotPong,
  gotText,
  octets,
  ping,
  pong,
  type Step,
  send,
  sendEach,
  sendPart,
  text,
  unfinished,
} from './case.ts'

// RFC 6455 §5.2. Sizes at both sides of every change of the length field.
const SIZES = [0, 125, 126, 127, 128, 65_535, 65_536]

/** Category 1: lengths, masks and cuts of well-formed frames, and the malformed ones. */
export const framingCases: readonly Case[] = [
  ...SIZES.map((size, index) => textOf(`1.1.${index + 1}`, size)),
  textOf('1.1.8', 65_536, 997),
  ...SIZES.map((size, index) => binaryOf(`1.2.${index + 1}`, size)),
  binaryOf('1.2.8', 65_536, 997),
  ...everyLength(),
  ...maskingKeys(),
  ...segmentation(),
  ...malformed(),
]

function textOf(id: string, size: number, chopSize?: number): Case {
  const steps = (): Step[] => {
    const frame = text(ascii(size))
    return [chopSize === undefined ? send(frame) : chop(chopSize, frame), gotText(ascii(size))]
  }
  return {
    id,
    what: `text of ${size} bytes${chopSize === undefined ? '' : `, ${chopSize} per write`}`,
    steps,
    end: 'clean',
  }
}

function binaryOf(id: string, size: number, chopSize?: number): Case {
  const steps = (): Step[] => {
    const frame = binary(octets(size))
    return [chopSize === undefined ? send(frame) : chop(chopSize, frame), gotBinary(octets(size))]
  }
  return {
    id,
    what: `binary of ${size} bytes${chopSize === undefined ? '' : `, ${chopSize} per write`}`,
    steps,
    end: 'clean',
  }
}

/** Many lengths in a row, so that every alignment of header and payload inside one read occurs. */
function everyLength(): Case[] {
  const lengths = Array.from({ length: 300 }, (_, length) => length)
  const edges = [65_533, 65_534, 65_535, 65_536, 65_537, 65_538, 131_071, 131_072, 131_073]
  const allOf = (id: string, sizes: readonly number[], chopSize?: number): Case => ({
    id,
    what: `${sizes.length} lengths from ${sizes[0]} to ${sizes.at(-1)}, ${chopSize ?? 'all'} bytes per write`,
    steps: () => {
      const frames = sizes.map((size) => binary(octets(size)))
      const sent = chopSize === undefined ? send(...frames) : chop(chopSize, ...frames)
      return [sent, ...sizes.map((size) => gotBinary(octets(size)))]
    },
    end: 'clean',
  })
  const chops = [1, 2, 3, 5, 7, 13, 127, 1021, 4093]
  return [
    allOf('S1.1', lengths),
    ...chops.map((size, index) => allOf(`S1.1.${index + 1}`, size < 3 ? lengths.slice(0, 140) : lengths, size)),
    allOf('S1.2', edges),
    allOf('S1.2.1', edges, 16_381),
  ]
}

function maskingKeys(): Case[] {
  const keys = ['00000000', 'ffffffff', '00000001', '80000000', '0000ff00', 'deadbeef']
  return keys.map((key, index) => ({
    id: `S1.3.${index + 1}`,
    what: `masking key ${key}`,
    steps: () => {
      const sizes = [0, 1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 63, 64, 65, 100, 4099]
      const mask = Buffer.from(key, 'hex')
      const frames = sizes.flatMap((size) => [text(ascii(size), { mask }), binary(octets(size), { mask })])
      return [send(...frames), ...sizes.flatMap((size) => [gotText(ascii(size)), gotBinary(octets(size))])]
    },
    end: 'clean',
  }))
}

/** One exchange with a frame of every kind. Pings are few: a server may limit control frames per second. */
const MIXED: readonly FrameSpec[] = [
  text('ab'),
  ...fragments(2, [octets(5), '', octets(130)]),
  text('κό', unfinished),
  pong('x'),
  continuation('σμε'),
  binary(),
]
const MIXED_REPLIES: readonly Step[] = [
  gotText('ab'),
  gotBinary(Buffer.concat([octets(5), octets(130)])),
  gotText('κόσμε'),
  gotBinary(Buffer.alloc(0)),
]

function segmentation(): Case[] {
  return [
    {
      id: 'S1.4',
      what: 'frames of every kind, cut in two at every position',
      steps: () => {
        const bytes = encodeFrames(MIXED)
        return upTo(bytes.length - 1).flatMap((at): Step[] => [
          { kind: 'sendEach', writes: [bytes.subarray(0, at), bytes.subarray(at)] },
          ...MIXED_REPLIES,
        ])
      },
      end: 'clean',
    },
    {
      id: 'S1.5',
      what: 'frames of every kind, in writes of 1 to 40 bytes',
      steps: () => upTo(40).flatMap((size) => [chop(size, ...MIXED), ...MIXED_REPLIES]),
      end: 'clean',
    },
    {
      id: 'S1.6',
      what: 'fifty exchanges in one write, two pings among them',
      steps: () => [
        send(ping('first'), ...upTo(50).flatMap(() => MIXED), ping('last')),
        gotPong('first'),
        ...upTo(50).flatMap(() => MIXED_REPLIES),
        gotPong('last'),
      ],
      end: 'clean',
    },
    {
      id: 'S1.7',
      what: 'a frame header in 14 writes of one byte, then the payload in one',
      steps: () => {
        const frame = encodeFrames([binary(octets(70_000))])
        const head: Step = { kind: 'send', bytes: frame.subarray(0, 14), chop: 1 }
        return [head, { kind: 'send', bytes: frame.subarray(14) }, gotBinary(octets(70_000))]
      },
      end: 'clean',
    },
  ]
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

function malformed(): Case[] {
  const fails = (id: string, what: string, end: number, ...steps: Step[]): Case => ({
    id,
    what,
    steps: () => steps,
    end,
  })
  const unmasked: [string, FrameSpec][] = [
    ['text', text('plain', { mask: false })],
    ['empty text', text('', { mask: false })],
    ['ping', ping('', { mask: false })],
    ['close', closing(1000, '', { mask: false })],
  ]
  return [
    // RFC 6455 §5.1: a server must fail the connection on an unmasked frame.
    ...unmasked.map(([name, frame], index) => fails(`S1.8.${index + 1}`, `unmasked ${name}`, 1002, send(frame))),
    fails(
      'S1.8.5',
      'unmasked frame behind a good one',
      1002,
      send(text('good'), text('plain', { mask: false })),
      gotText('good'),
    ),
    fails('S1.8.6', 'unmasked continuation', 1002, sendEach(text('a', unfinished), continuation('b', { mask: false }))),
    // RFC 6455 §5.2: the minimal number of bytes must be used to encode the length.
    fails('S1.9.1', 'length 0 in 16 bits', 1002, send(text('', { lengthForm: 16 }))),
    fails('S1.9.2', 'length 125 in 16 bits', 1002, send(text(ascii(125), { lengthForm: 16 }))),
    fails('S1.9.3', 'length 125 in 64 bits', 1002, send(text(ascii(125), { lengthForm: 64 }))),
    fails('S1.9.4', 'length 126 in 64 bits', 1002, send(binary(octets(126), { lengthForm: 64 }))),
    fails('S1.9.5', 'length 65535 in 64 bits', 1002, send(binary(octets(65_535), { lengthForm: 64 }))),
    // RFC 6455 §5.2: the most significant bit of a 64-bit length must be 0.
    fails('S1.10.1', 'length 2^63', 1002, send(binary('', { lengthForm: 64, declared: 1n << 63n }))),
    fails('S1.10.2', 'length 2^64 - 1', 1002, send(binary('', { lengthForm: 64, declared: (1n << 64n) - 1n }))),
    // Judged by the header, before any payload has come.
    fails('S1.11.1', 'length 2^53', 1009, send(binary('', { declared: 1n << 53n }))),
    fails('S1.11.2', 'length 2^32 + 1', 1009, send(binary('', { declared: (1n << 32n) + 1n }))),
    fails('S1.11.3', 'length 2^63 - 1', 1009, send(binary('', { declared: (1n << 63n) - 1n }))),
    fails('S1.12', 'two bytes of an unmasked frame', 1002, sendPart(2, text(ascii(100), { mask: false }))),
  ]
}
