import { RawOpcode } from '../fixtures/raw-frame.ts'
import { type Case, cut, got, type Step, sendDeflated } from './case.ts'

const KIB = 1024

interface Data {
  readonly name: string
  readonly opcode: number
  /** Message `index` of a case. */
  readonly payload: (size: number, index: number) => Buffer
}

const JSON_LIKE: Data = { name: 'JSON', opcode: RawOpcode.Text, payload: jsonLike }
const RANDOM: Data = { name: 'random bytes', opcode: RawOpcode.Binary, payload: random }
const PROSE: Data = { name: 'words of several scripts', opcode: RawOpcode.Text, payload: prose }
const REPEATED: Data = { name: 'one byte repeated', opcode: RawOpcode.Binary, payload: repeated }
const TURNS: Data = { name: 'compressible and random in turns', opcode: RawOpcode.Binary, payload: inTurns }

const NONE = 'server_no_context_takeover; client_no_context_takeover'

/** Autobahn's offers of category 13. */
const OFFERS: readonly string[] = [
  'permessage-deflate; client_max_window_bits',
  `permessage-deflate; ${NONE}; client_max_window_bits`,
  'permessage-deflate; server_max_window_bits=9; client_max_window_bits=9',
  'permessage-deflate; server_max_window_bits=15; client_max_window_bits=15',
  `permessage-deflate; ${NONE}; server_max_window_bits=9; client_max_window_bits=9`,
  `permessage-deflate; ${NONE}; server_max_window_bits=15; client_max_window_bits=15`,
  `permessage-deflate; server_max_window_bits=8, permessage-deflate; ${NONE}; server_max_window_bits=9, permessage-deflate`,
]

const SIZES = [16, 64, 256, KIB, 4 * KIB, 8 * KIB, 16 * KIB, 32 * KIB, 64 * KIB, 128 * KIB]
/** Size, and bytes per fragment as compressed. */
const FRAGMENTED = [
  [8 * KIB, 256],
  [16 * KIB, 256],
  [32 * KIB, 256],
  [64 * KIB, 256],
  [128 * KIB, 256],
  [128 * KIB, KIB],
  [128 * KIB, 4 * KIB],
  [128 * KIB, 32 * KIB],
] as const

/** Category 12: kinds of data; category 13: parameters. Every message goes there and back before the next. */
export const compressionCases: readonly Case[] = [
  ...[JSON_LIKE, RANDOM, PROSE, REPEATED, TURNS].flatMap((data, index) =>
    series(`12.${index + 1}`, data, 'permessage-deflate; client_max_window_bits'),
  ),
  ...OFFERS.flatMap((offer, index) => series(`13.${index + 1}`, index % 2 === 0 ? JSON_LIKE : TURNS, offer)),
]

function series(group: string, data: Data, offer: string): Case[] {
  const sizes: (readonly [number, number?])[] = [...SIZES.map((size) => [size] as const), ...FRAGMENTED]
  return sizes.map(([size, fragment], index) => ({
    id: `${group}.${index + 1}`,
    what: `${describe(data, size, fragment)}; ${offer}`,
    offer,
    steps: () => steps(data, size, fragment),
    end: 'clean',
    deadlineMs: 15_000,
  }))
}

function describe({ name }: Data, size: number, fragment: number | undefined): string {
  const messages = `${messageCount(size)} messages of ${size} bytes, ${name}`
  return fragment === undefined ? messages : `${messages}, in fragments of ${fragment}`
}

function steps(data: Data, size: number, fragment: number | undefined): Step[] {
  return Array.from({ length: messageCount(size) }, (_, index) => data.payload(size, index)).flatMap((payload) => [
    sendDeflated(data.opcode, payload, fragment),
    got(data.opcode, payload),
  ])
}

function messageCount(size: number): number {
  if (size <= KIB) return 50
  return size <= 16 * KIB ? 20 : 8
}

// ── data ──

function jsonLike(size: number, index: number): Buffer {
  const record = (n: number): string => `{"id":${n},"name":"user ${n % 97}","online":${n % 3 === 0},"score":${n * 31}},`
  let text = ''
  for (let n = index * 1000; text.length < size; n++) text += record(n)
  return Buffer.from(text.slice(0, size))
}

/** By xorshift: the same in every run. */
function random(size: number, index: number): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4))
  let state = 0x9e3779b9 ^ (index + 1)
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[at] = state
  }
  return Buffer.from(words.buffer, 0, size)
}

const WORDS = ['κόσμε ', 'Straße ', 'мир ', '世界 ', 'ship ', '🚢 ', 'ñandú ']

/** Whole characters, filled up with spaces. */
function prose(size: number, index: number): Buffer {
  const payload = Buffer.alloc(size, ' ')
  let at = 0
  for (let n = index; at < size; n++) {
    const written = payload.write(WORDS[(n * n + index) % WORDS.length] ?? '', at)
    if (written === 0) break
    at += written
  }
  return payload
}

function repeated(size: number, index: number): Buffer {
  return Buffer.alloc(size, index)
}

function inTurns(size: number, index: number): Buffer {
  const parts = cut(Buffer.alloc(size), 700)
  return Buffer.concat(parts.map(({ length }, at) => (at % 2 === 0 ? jsonLike(length, index) : random(length, index))))
}
