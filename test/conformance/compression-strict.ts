import { deflateRawSync } from 'node:zlib'
import { deflated } from '../fixtures/deflate-context.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import {
  ascii,
  binary,
  type Case,
  continuation,
  cut,
  type End,
  fragments,
  got,
  gotPong,
  gotText,
  octets,
  ping,
  pong,
  type Step,
  send,
  sendDeflated,
  text,
  unfinished,
} from './case.ts'

const KIB = 1024
const RSV1 = { rsv: 4 } as const

/** The limits the server under test must have been given. */
export const STRICT_LIMITS = {
  maxPayload: 64 * KIB,
  maxCompressedSize: 16 * KIB,
  compressThreshold: KIB,
} as const

const OFFER = 'permessage-deflate; client_max_window_bits'
const AFRESH = 'permessage-deflate; client_no_context_takeover'

/** Not UTF-8: a character is cut off. */
const BROKEN_TEXT = Buffer.from('€').subarray(0, 2)
/** RFC 7692 §7.2.3.1 and, in the window of the same message, §7.2.3.2. */
const HELLO = Buffer.from('f248cdc9c90700', 'hex')
const HELLO_AGAIN = Buffer.from('f200110000', 'hex')

export function strictCases(mode: 'shared' | 'dedicated'): readonly Case[] {
  return [...reservedBits(), ...broken(), ...limits(), ...blocks(), ...answers(), takeover(mode)]
}

function one(id: string, what: string, end: End, steps: () => readonly Step[], offer: string | null = OFFER): Case {
  return { id, what, end, steps, ...(offer !== null && { offer }) }
}

/** `text` or `binary` with RSV1. */
const squeezed = (body: Buffer, fields = {}) => text(body, { ...RSV1, ...fields })
const squeezedBinary = (body: Buffer, fields = {}) => binary(body, { ...RSV1, ...fields })

function reservedBits(): Case[] {
  const onLater = [squeezed(HELLO.subarray(0, 3), unfinished), continuation(HELLO.subarray(3), RSV1)]
  const controls = { ping: ping('', RSV1), pong: pong('', RSV1), close: { ...RSV1, opcode: RawOpcode.Close } }
  return [
    one('S12.1.1', 'RSV1 without the extension', 1002, () => [send(squeezed(HELLO))], null),
    one('S12.1.2', 'RSV1 on a continuation of a compressed message', 1002, () => [send(...onLater)]),
    one('S12.1.3', 'RSV1 on a continuation of a message that is not compressed', 1002, () => [
      send(text('a', unfinished), continuation(HELLO, RSV1)),
    ]),
    ...Object.entries(controls).map(([name, frame], index) =>
      one(`S12.1.${index + 4}`, `RSV1 on a ${name}`, 1002, () => [send(frame)]),
    ),
    ...[1, 2, 3, 5, 6, 7].map((rsv, index) =>
      one(`S12.1.${index + 7}`, `reserved bits ${rsv}`, 1002, () => [send(text(HELLO, { rsv }))]),
    ),
  ]
}

function broken(): Case[] {
  const bodies: readonly (readonly [string, Buffer])[] = [
    ['a block of a type that does not exist', Buffer.of(0x06)],
    ['a stored block whose lengths disagree', Buffer.from('000500fbff48656c6c6f00', 'hex')],
    ['a distance before the first byte', HELLO_AGAIN],
    ['a message and garbage behind it', Buffer.concat([HELLO, Buffer.of(0xff, 0xff)])],
    ['text that was not compressed', Buffer.from('Hello, this is plain text')],
  ]
  return [
    ...bodies.map(([what, body], index) => one(`S12.2.${index + 1}`, what, 1007, () => [send(squeezed(body))])),
    one('S12.2.6', 'corrupt data in the last of three fragments', 1007, () => [
      send(squeezed(HELLO, unfinished), continuation('', unfinished), continuation(Buffer.of(0x06))),
    ]),
    one(
      'S12.2.7',
      'data that was cut off, its flush missing',
      1007,
      () => [send(squeezed(HELLO.subarray(0, 4)))],
      AFRESH,
    ),
    // Longer than what a receiver appends, which would complete it.
    one('S12.2.8', 'half of a stored block', 1007, () => [send(squeezed(Buffer.from('0064009bff48', 'hex')))], AFRESH),
    one('S12.3.1', 'a compressed text that is not UTF-8', 1007, () => [send(squeezed(deflated(BROKEN_TEXT)))]),
    one('S12.3.2', 'the same in fragments', 1007, () => {
      const [first = '', ...rest] = cut(deflated(BROKEN_TEXT), 1)
      const frames = fragments(RawOpcode.Text, [first, ...rest])
      return [send(...frames.map((frame, index) => (index === 0 ? { ...frame, ...RSV1 } : frame)))]
    }),
    one('S12.3.3', 'the same bytes as a binary message', 'clean', () => [
      send(squeezedBinary(deflated(BROKEN_TEXT))),
      got(RawOpcode.Binary, BROKEN_TEXT),
    ]),
    one('S12.3.4', 'a character cut by a fragment', 'clean', () => [
      sendDeflated(RawOpcode.Text, Buffer.from('€'), 1),
      gotText('€'),
    ]),
    one('S12.3.5', 'compressed bytes that are not UTF-8', 'clean', () => [send(squeezed(HELLO)), gotText('Hello')]),
  ]
}

function limits(): Case[] {
  const { maxPayload, maxCompressedSize, compressThreshold } = STRICT_LIMITS
  const noise = (size: number): Buffer => {
    const stored = Buffer.alloc(5)
    stored.writeUInt16LE(size, 1)
    stored.writeUInt16LE(0xffff - size, 3)
    // A stored block and what a flush leaves behind it.
    return Buffer.concat([stored, octets(size), Buffer.of(0)])
  }
  const fits = maxCompressedSize - 6
  return [
    one('S12.4.1', 'a message that inflates to maxPayload', 'clean', () => [
      send(squeezed(deflated(ascii(maxPayload)))),
      gotText(ascii(maxPayload)),
    ]),
    one('S12.4.2', 'one byte more', 1009, () => [send(squeezed(deflated(ascii(maxPayload + 1))))]),
    one('S12.4.3', 'a bomb of 16 MiB', 1009, () => [send(squeezed(deflated(Buffer.alloc(16 * 1024 * KIB))))]),
    one('S12.4.4', 'maxCompressedSize on the wire', 'clean', () => [
      send(squeezedBinary(noise(fits))),
      got(RawOpcode.Binary, octets(fits)),
    ]),
    one('S12.4.5', 'one byte more on the wire', 1009, () => [send(squeezedBinary(noise(fits + 1)))]),
    one('S12.4.6', 'one byte more, in fragments', 1009, () => {
      const [first = Buffer.alloc(0), ...rest] = cut(noise(fits + 1), KIB)
      return [send(squeezedBinary(first, unfinished), ...rest.map((part) => continuation(part, unfinished)))]
    }),
    one('S12.4.7', 'more than maxCompressedSize, but not compressed', 'clean', () => [
      send(binary(octets(maxCompressedSize * 2))),
      got(RawOpcode.Binary, octets(maxCompressedSize * 2)),
    ]),
    one('S12.4.8', 'compressThreshold', 'clean', () => [
      sendDeflated(RawOpcode.Text, ascii(compressThreshold)),
      got(RawOpcode.Text, ascii(compressThreshold), true),
      send(text(ascii(compressThreshold))),
      got(RawOpcode.Text, ascii(compressThreshold), true),
    ]),
    one('S12.4.9', 'a byte below compressThreshold is answered as it is', 'clean', () => [
      sendDeflated(RawOpcode.Text, ascii(compressThreshold - 1)),
      got(RawOpcode.Text, ascii(compressThreshold - 1), false),
    ]),
  ]
}

/** RFC 7692 §7.2.3: what one and the same message may look like. */
function blocks(): Case[] {
  const forms: readonly (readonly [string, string])[] = [
    ['as in §7.2.3.1', 'f248cdc9c90700'],
    ['a block without compression, §7.2.3.3', '000500faff48656c6c6f00'],
    ['a final block, §7.2.3.4', 'f348cdc9c9070000'],
    ['a final block and nothing behind it', 'f348cdc9c90700'],
    ['two blocks, §7.2.3.5', 'f24805000000ffffcac9c90700'],
    ['the flush left where it is', 'f248cdc9c907000000ffff00'],
  ]
  const hello = gotText('Hello')
  return [
    ...forms.map(([what, hex], index) =>
      one(`S12.5.${index + 1}`, `Hello: ${what}, twice`, 'clean', () => {
        const frame = squeezed(Buffer.from(hex, 'hex'))
        return [send(frame, frame), hello, hello]
      }),
    ),
    one('S12.5.7', 'an empty message, §7.2.3.6', 'clean', () => [send(squeezed(Buffer.of(0))), gotText('')]),
    one('S12.5.8', 'an empty message of no bytes', 'clean', () => [send(squeezed(Buffer.alloc(0))), gotText('')]),
    one('S12.5.9', 'empty fragments before, between and behind', 'clean', () => {
      const parts = ['', HELLO.subarray(0, 3), '', HELLO.subarray(3), '']
      const [first = text(), ...rest] = fragments(RawOpcode.Text, parts)
      return [send({ ...first, ...RSV1 }, ...rest), hello]
    }),
    one('S12.5.10', 'a ping between the fragments', 'clean', () => [
      send(squeezed(HELLO.subarray(0, 3), unfinished), ping('between'), continuation(HELLO.subarray(3))),
      gotPong('between'),
      hello,
    ]),
    one('S12.5.11', 'a long message in one final block, and one after it', 'clean', () => {
      const finished = Buffer.concat([deflateRawSync(ascii(8 * KIB)), Buffer.of(0)])
      return [send(squeezed(finished), squeezed(HELLO)), gotText(ascii(8 * KIB)), hello]
    }),
  ]
}

function answers(): Case[] {
  const long = ascii(32 * KIB)
  return [
    one(
      'S12.6.1',
      'without agreement nothing comes compressed',
      'clean',
      () => [send(text(long), binary(long)), got(RawOpcode.Text, long, false), got(RawOpcode.Binary, long, false)],
      null,
    ),
    one('S12.6.2', 'messages compressed and not, in turns', 'clean', () =>
      Array.from({ length: 10 }, (_, index) => index % 2 === 0).flatMap((isPlain) => [
        isPlain ? send(text(long)) : sendDeflated(RawOpcode.Text, long),
        got(RawOpcode.Text, long, true),
      ]),
    ),
  ]
}

function takeover(mode: 'shared' | 'dedicated'): Case {
  const what = 'a message that refers to the one before, §7.2.3.2'
  const steps = [send(squeezed(HELLO)), gotText('Hello'), send(squeezed(HELLO_AGAIN))]
  return mode === 'shared'
    ? one('S12.7.1', `${what}, where no context is kept`, 1007, () => steps)
    : one('S12.7.1', what, 'clean', () => [...steps, gotText('Hello')])
}
