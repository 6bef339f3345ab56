import { encodeFrames, type FrameSpec } from '../fixtures/raw-frame.ts'
import {
  ascii,
  binary,
  type Case,
  chop,
  continuation,
  cut,
  fragments,
  gotBinary,
  gotText,
  octets,
  type Step,
  send,
  text,
  unfinished,
} from './case.ts'

const KIB = 1024
const MIB = 1024 * KIB
const DEADLINE_MS = 15_000

/** The limits the server under test must have been given. */
export const LIMITS = { maxPayload: 16 * MIB, maxFragments: 131_072 } as const

interface Kind {
  readonly name: string
  readonly opcode: number
  readonly payload: (length: number) => Buffer
  readonly frame: typeof text
  readonly reply: (payload: Buffer) => Step
}

const TEXT: Kind = { name: 'text', opcode: 1, payload: ascii, frame: text, reply: gotText }
const BINARY: Kind = { name: 'binary', opcode: 2, payload: octets, frame: binary, reply: gotBinary }

/** Category 9: large messages, many fragments, many messages; category 10: automatic fragmentation. */
export const limitCases: readonly Case[] = [
  ...wholeFrames('9.1', TEXT),
  ...wholeFrames('9.2', BINARY),
  ...fragmented('9.3', TEXT),
  ...fragmented('9.4', BINARY),
  ...chopped('9.5', TEXT),
  ...chopped('9.6', BINARY),
  ...roundTrips('9.7', TEXT),
  ...roundTrips('9.8', BINARY),
  inFragments('10.1.1', 'text of 64 KiB in fragments of 1300 bytes', TEXT, 64 * KIB, 1300),
  inFragments('S10.1', 'binary of 1 MiB in fragments of 1300 bytes', BINARY, MIB, 1300),
  ...pipelined(),
  ...boundaries(),
]

function wholeFrames(group: string, kind: Kind): Case[] {
  return [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB].map((size, index) => ({
    id: `${group}.${index + 1}`,
    what: `${kind.name} of ${size / KIB} KiB in one frame`,
    steps: () => {
      const payload = kind.payload(size)
      return [send(kind.frame(payload)), kind.reply(payload)]
    },
    end: 'clean',
    deadlineMs: DEADLINE_MS,
  }))
}

function fragmented(group: string, kind: Kind): Case[] {
  return [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB].map((size, index) =>
    inFragments(`${group}.${index + 1}`, `${kind.name} of 4 MiB in fragments of ${size} bytes`, kind, 4 * MIB, size),
  )
}

function inFragments(id: string, what: string, kind: Kind, total: number, size: number): Case {
  const steps = (): Step[] => {
    const payload = kind.payload(total)
    return [sendMany(fragments(kind.opcode, cut(payload, size))), kind.reply(payload)]
  }
  return { id, what, steps, end: 'clean', deadlineMs: DEADLINE_MS }
}

function chopped(group: string, kind: Kind): Case[] {
  return [64, 128, 256, 512, 1024, 2048].map((size, index) => ({
    id: `${group}.${index + 1}`,
    what: `${kind.name} of 1 MiB, ${size} bytes per write`,
    steps: () => {
      const payload = kind.payload(MIB)
      return [chop(size, kind.frame(payload)), kind.reply(payload)]
    },
    end: 'clean',
    deadlineMs: DEADLINE_MS,
  }))
}

/** Each message waits for the echo of the one before. */
function roundTrips(group: string, kind: Kind): Case[] {
  return [0, 16, 64, 256, 1024, 4096].map((size, index) => ({
    id: `${group}.${index + 1}`,
    what: `1000 round trips of ${kind.name}, ${size} bytes`,
    steps: () => {
      const payload = kind.payload(size)
      return Array.from({ length: 1000 }, () => [send(kind.frame(payload)), kind.reply(payload)]).flat()
    },
    end: 'clean',
    deadlineMs: DEADLINE_MS,
  }))
}

function pipelined(): Case[] {
  return [0, 1, 125, 1000].map((size, index) => ({
    id: `S9.1.${index + 1}`,
    what: `5000 messages of ${size} bytes in one write, echoed in order`,
    steps: () => {
      const payloads = Array.from({ length: 5000 }, (_, turn) => Buffer.concat([ascii(size), Buffer.from(`#${turn}`)]))
      return [send(...payloads.map((payload) => text(payload))), ...payloads.map(gotText)]
    },
    end: 'clean',
    deadlineMs: DEADLINE_MS,
  }))
}

/** `send` for more frames than a call may have arguments. */
function sendMany(frames: readonly FrameSpec[]): Step {
  return { kind: 'send', bytes: encodeFrames(frames) }
}

function boundaries(): Case[] {
  const { maxPayload, maxFragments } = LIMITS
  const over = (id: string, what: string, end: number, steps: () => Step[]): Case => ({
    id,
    what,
    steps,
    end,
    deadlineMs: DEADLINE_MS,
  })
  return [
    over('S9.2.1', 'a frame one byte over maxPayload, header only', 1009, () => [
      send(binary('', { declared: BigInt(maxPayload + 1) })),
    ]),
    over('S9.2.2', 'a text frame far over maxPayload, header only', 1009, () => [
      send(text('', { declared: 1n << 40n })),
    ]),
    over('S9.2.3', 'the header of a second fragment that goes over maxPayload', 1009, () => [
      send(binary(octets(100), unfinished), continuation('', { declared: BigInt(maxPayload - 99), fin: false })),
    ]),
    over('S9.2.4', 'a second fragment that reaches maxPayload exactly', 1002, () => [
      send(binary(octets(100), unfinished), continuation(octets(maxPayload - 100), unfinished), text()),
    ]),
    over('S9.2.5', 'a message over maxPayload behind a good one', 1009, () => [
      send(text('good'), binary('', { declared: BigInt(maxPayload + 1) })),
      gotText('good'),
    ]),
    over('S9.3.1', 'one fragment more than maxFragments, all empty', 1008, () => [
      sendMany([text('', unfinished), ...Array.from({ length: maxFragments }, () => continuation('', unfinished))]),
    ]),
    {
      id: 'S9.3.2',
      what: 'as many fragments as maxFragments',
      steps: () => [sendMany(fragments(1, [...Array.from({ length: maxFragments - 1 }, () => ''), 'x'])), gotText('x')],
      end: 'clean',
      deadlineMs: DEADLINE_MS,
    },
  ]
}
