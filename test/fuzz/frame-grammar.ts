import { deflated } from '../fixtures/deflate-context.ts'
import { encodeFrame, type FrameSpec, RawOpcode } from '../fixtures/raw-frame.ts'
import type { Random } from './random.ts'
import { MAX_FRAGMENTS, MAX_PAYLOAD } from './servers.ts'

/** A way to go on with a stream of frames: bytes that mostly keep to the rules. */
type Production = (random: Random) => Buffer

const TEXTS = ['', 'a', 'Hello', 'žluťoučký kůň', '🐎🐎🐎', '\0', '漢字', 'é', '\ud7ff\ue000\u{10ffff}', '{"a":[1,2]}']
const INVALID_TEXTS = ['ff', 'c080', 'eda080', 'f4908080', 'f0', 'e282', 'c3', '61ff61', 'f09f', '80', 'edb080', 'f8']
const SIZES = [0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 1000, 4096]
const LARGE_SIZES = [65_534, 65_535, 65_536, MAX_PAYLOAD - 1, MAX_PAYLOAD]
const LEGAL_CODES = [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 4999]
const ILLEGAL_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535]
const ABSURD_LENGTHS = [
  2n ** 31n,
  2n ** 32n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 62n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
]

const messages: readonly (readonly [number, Production])[] = [
  [10, (random) => whole(random, RawOpcode.Text, Buffer.from(text(random)))],
  [8, (random) => whole(random, RawOpcode.Binary, random.bytes(random.pick(SIZES)))],
  [1, (random) => whole(random, RawOpcode.Binary, Buffer.alloc(random.pick(LARGE_SIZES), random.below(256)))],
  [8, (random) => fragmented(random, RawOpcode.Text, Buffer.from(text(random)), 0)],
  [4, (random) => fragmented(random, RawOpcode.Binary, random.bytes(random.pick(SIZES)), 0)],
  [6, (random) => control(random)],
  [10, (random) => compressed(random)],
  [3, (random) => twoOfOneContext(random)],
]

const closes: readonly (readonly [number, Production])[] = [
  [4, (random) => close(random, random.pick(LEGAL_CODES), text(random).slice(0, 30))],
  [2, (random) => frame(random, { opcode: RawOpcode.Close })],
  [2, (random) => close(random, random.pick(ILLEGAL_CODES), '')],
  [1, (random) => frame(random, { opcode: RawOpcode.Close, payload: Buffer.from('03e8ff', 'hex') })],
  [1, (random) => frame(random, { opcode: RawOpcode.Close, payload: 'x' })],
]

const violations: readonly (readonly [number, Production])[] = [
  [
    2,
    (random) =>
      frame(random, {
        opcode: random.pick([1, 2, 8, 9, 10]),
        rsv: random.pick([1, 2, 4, 1, 2, 4, 3, 5, 6, 7]),
        payload: 'x',
      }),
  ],
  [2, (random) => frame(random, { opcode: random.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) })],
  [2, (random) => frame(random, { opcode: random.pick([1, 2, 9]), mask: false, payload: 'plain' })],
  [
    2,
    (random) =>
      frame(random, { opcode: 2, lengthForm: random.pick([16, 64]), payload: random.bytes(random.below(126)) }),
  ],
  [1, (random) => frame(random, { opcode: 2, lengthForm: 64, payload: Buffer.alloc(random.between(126, 300)) })],
  [
    3,
    (random) => frame(random, { opcode: random.pick([1, 2]), lengthForm: 64, declared: random.pick(ABSURD_LENGTHS) }),
  ],
  [2, (random) => frame(random, { opcode: 2, declared: BigInt(MAX_PAYLOAD + random.between(1, 9)) })],
  [2, (random) => frame(random, { opcode: random.pick([8, 9, 10]), payload: Buffer.alloc(random.between(126, 200)) })],
  [2, (random) => frame(random, { opcode: random.pick([8, 9, 10]), fin: false })],
  [2, (random) => frame(random, { opcode: 0, fin: random.oneIn(2), payload: 'stray' })],
  [2, (random) => both(random, { opcode: 1, fin: false, payload: 'a' }, { opcode: random.pick([1, 2]), payload: 'b' })],
  [3, (random) => whole(random, RawOpcode.Text, invalidText(random))],
  [3, (random) => fragmented(random, RawOpcode.Text, invalidText(random), 0)],
  [2, (random) => manyFragments(random)],
  [1, (random) => tooMuchInFragments(random)],
  [2, (random) => random.bytes(random.between(1, 40))],
  [3, (random) => spoiltCompressed(random)],
  [1, (random) => bomb(random)],
]

/** The frames of one session. They mostly break the rules at most once, and then at their end. */
export function planFrames(random: Random): Buffer {
  const parts = random.times(
    random.weighted([
      [1, 0],
      [6, random.between(1, 3)],
      [3, random.between(4, 12)],
    ]),
    () => random.weighted(messages)(random),
  )
  const last = random.weighted([
    [30, null],
    [35, closes],
    [35, violations],
  ])
  if (last !== null) parts.push(random.weighted(last)(random))
  // What must not count any more.
  if (random.oneIn(5)) parts.push(random.weighted(messages)(random))
  const stream = Buffer.concat(parts)
  if (stream.length > 0 && random.oneIn(12)) spoil(stream, random)
  return random.oneIn(8) ? stream.subarray(0, random.below(stream.length + 1)) : stream
}

function spoil(stream: Buffer, random: Random): void {
  for (let count = random.between(1, 3); count > 0; count -= 1) stream[random.below(stream.length)] = random.below(256)
}

function text(random: Random): string {
  const words = random.times(
    random.weighted([
      [6, random.below(4)],
      [2, random.below(40)],
    ]),
    () => random.pick(TEXTS),
  )
  return words.join('')
}

function invalidText(random: Random): Buffer {
  const bad = Buffer.from(random.pick(INVALID_TEXTS), 'hex')
  return Buffer.concat([Buffer.from(text(random)), bad, Buffer.from(random.oneIn(2) ? text(random) : '')])
}

/** With a mask of the session's own: fixtures choose theirs by what was sent before. */
function frame(random: Random, spec: FrameSpec): Buffer {
  return encodeFrame({ mask: random.oneIn(4) ? Buffer.alloc(4) : random.bytes(4), ...spec })
}

function whole(random: Random, opcode: number, payload: Buffer, rsv = 0): Buffer {
  return frame(random, { opcode, payload, rsv })
}

function both(random: Random, ...specs: FrameSpec[]): Buffer {
  return Buffer.concat(specs.map((spec) => frame(random, spec)))
}

/** Cut anywhere, inside characters too, with control frames in between. */
function fragmented(random: Random, opcode: number, payload: Buffer, rsv: number): Buffer {
  const cuts = random.times(random.between(1, 4), () => random.below(payload.length + 1)).sort((a, b) => a - b)
  const edges = [0, ...cuts, payload.length]
  return Buffer.concat(
    edges.slice(1).flatMap((end, index) => {
      const fin = index === edges.length - 2
      const spec = { opcode: index === 0 ? opcode : 0, rsv: index === 0 ? rsv : 0, fin }
      const part = frame(random, { ...spec, payload: payload.subarray(edges[index], end) })
      return !fin && random.oneIn(3) ? [part, control(random)] : [part]
    }),
  )
}

function control(random: Random): Buffer {
  const opcode = random.pick([RawOpcode.Ping, RawOpcode.Ping, RawOpcode.Pong])
  return frame(random, { opcode, payload: random.bytes(random.pick([0, 1, 4, 125])) })
}

function close(random: Random, code: number, reason: string): Buffer {
  const body = Buffer.alloc(2 + Buffer.byteLength(reason))
  body.writeUInt16BE(code)
  body.write(reason, 2)
  return frame(random, { opcode: RawOpcode.Close, payload: body.subarray(0, 125) })
}

function compressedBody(random: Random): Buffer {
  const payload = random.weighted([
    [5, Buffer.from(text(random))],
    [3, Buffer.from('{"room":"general","text":"lorem ipsum"}'.repeat(random.between(1, 60)))],
    [1, Buffer.alloc(random.pick(LARGE_SIZES), 'shardws ')],
  ])
  return deflated(payload, { level: random.between(1, 9), windowBits: random.pick([9, 9, 10, 13, 15]) })
}

function compressed(random: Random, body = compressedBody(random)): Buffer {
  const opcode = random.pick([RawOpcode.Text, RawOpcode.Binary])
  return random.oneIn(3) ? fragmented(random, opcode, body, 4) : whole(random, opcode, body, 4)
}

/** The second refers to the first, which only a server that keeps its context can follow. */
function twoOfOneContext(random: Random): Buffer {
  const first = Buffer.from(`${text(random)}${random.below(1000)}`.repeat(3))
  const second = Buffer.concat([first, Buffer.from(text(random))])
  const options = { windowBits: random.pick([9, 12]), level: 6 }
  return Buffer.concat([
    compressed(random, deflated(first, options)),
    compressed(random, deflated(second, { ...options, dictionary: first.subarray(-200) })),
  ])
}

function spoiltCompressed(random: Random): Buffer {
  const body = Buffer.from(compressedBody(random))
  if (random.oneIn(3)) return compressed(random, body.subarray(0, random.below(body.length + 1)))
  if (random.oneIn(4))
    return compressed(
      random,
      Buffer.concat([body, Buffer.from(random.pick(['0300', '07', '0000ffff', 'f348cdc9c90700']), 'hex')]),
    )
  if (body.length > 0) spoil(body, random)
  return compressed(random, body)
}

/** Small on the wire, too large in memory. */
function bomb(random: Random): Buffer {
  const size = random.pick([MAX_PAYLOAD + 1, 2 * MAX_PAYLOAD, 1024 * 1024])
  return compressed(random, deflated(Buffer.alloc(size), { level: 9 }))
}

function manyFragments(random: Random): Buffer {
  const middle = MAX_FRAGMENTS - random.between(0, 2)
  const specs: FrameSpec[] = [{ opcode: RawOpcode.Text, fin: false }]
  for (let count = 0; count < middle; count += 1) specs.push({ opcode: 0, fin: false, payload: 'x'.repeat(count % 2) })
  return both(random, ...specs, { opcode: 0 })
}

function tooMuchInFragments(random: Random): Buffer {
  const payload = Buffer.alloc(MAX_PAYLOAD / 2 + random.below(3))
  return both(random, { opcode: 2, fin: false, payload }, { opcode: 0, payload })
}
