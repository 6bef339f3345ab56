/** A byte string for the payload of a text message; whether it is UTF-8 is for firstOffence to say. */
export interface Utf8Vector {
  readonly id: string
  readonly what: string
  readonly bytes: Buffer
}

/** "κόσμε", with the accented omicron in three bytes. */
export const KOSME = hex('cebae1bdb9cf83cebcceb5')

// What a UTF-8 decoder must tell apart, by the classes of RFC 3629 §3 and §4.
const GROUPS: readonly (readonly [group: number, what: string, vectors: readonly Buffer[]])[] = [
  [5, 'well-formed text', [around('24'), around('c2a2'), around('e282ac'), around('f0a4ada2'), KOSME]],
  [6, 'a prefix of well-formed text', range(1, KOSME.length).map((length) => KOSME.subarray(0, length))],
  [7, 'the first of a length', ['00', 'c280', 'e0a080', 'f0908080'].map(hex)],
  [8, 'the first of a length beyond four', ['f888808080', 'fc8480808080'].map(hex)],
  [9, 'the last of a length', ['7f', 'dfbf', 'efbfbf', 'f48fbfbf'].map(hex)],
  [10, 'the last of a length, out of range', ['f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf'].map(hex)],
  [11, 'a boundary', ['ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf', 'f4908080'].map(hex)],
  [
    12,
    'continuation bytes alone',
    [hex('80'), hex('bf'), ...range(2, 6).map(alternating), Buffer.from(range(0x80, 0xbf))],
  ],
  [
    13,
    'lead bytes alone, each before a space',
    [lonely(0xc0, 0xdf), lonely(0xe0, 0xef), lonely(0xf0, 0xf7), lonely(0xf8, 0xfb), lonely(0xfc, 0xfd)],
  ],
  [14, 'the last continuation byte missing', truncated()],
  [15, 'all of those in a row', [Buffer.concat(truncated())]],
  [16, 'bytes that never occur', ['fe', 'ff', 'fefeffff'].map(hex)],
  [17, 'an overlong slash', ['c0af', 'e080af', 'f08080af', 'f8808080af', 'fc80808080af'].map(hex)],
  [18, 'the largest overlong', ['c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf'].map(hex)],
  [19, 'an overlong NUL', ['c080', 'e08080', 'f0808080', 'f880808080', 'fc8080808080'].map(hex)],
  [20, 'one surrogate', ['eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80', 'edbfbf'].map(hex)],
  [
    21,
    'two surrogates',
    ['eda080', 'edadbf', 'edae80', 'edafbf'].flatMap((high) => [hex(`${high}edb080`), hex(`${high}edbfbf`)]),
  ],
  [
    22,
    'a noncharacter, which is allowed',
    range(0, 16).flatMap((plane) => [scalar(plane, 0xfffe), scalar(plane, 0xffff)]),
  ],
  [23, 'a special', range(0xfff9, 0xffff).map((code) => scalar(0, code))],
]

export const UTF8_VECTORS: readonly Utf8Vector[] = GROUPS.flatMap(([group, what, vectors]) =>
  vectors.map((bytes, index) => ({ id: `6.${group}.${index + 1}`, what: `${what}: ${shorten(bytes)}`, bytes })),
)

/** Where a decoder stands: how many continuation bytes are due and the range of the next. */
interface Due {
  readonly count: number
  readonly low: number
  readonly high: number
}

/**
 * The index of the first byte after which no continuation can make `bytes` UTF-8; `bytes.length` when it merely
 * stops inside a code point; -1 when it is UTF-8. By table 3-7 of the Unicode standard.
 */
export function firstOffence(bytes: Buffer): number {
  let due: Due = { count: 0, low: 0x80, high: 0xbf }
  for (const [index, byte] of bytes.entries()) {
    if (due.count > 0) {
      if (byte < due.low || byte > due.high) return index
      due = { count: due.count - 1, low: 0x80, high: 0xbf }
    } else {
      const begun = lead(byte)
      if (begun === undefined) return index
      due = begun
    }
  }
  return due.count > 0 ? bytes.length : -1
}

function lead(byte: number): Due | undefined {
  if (byte <= 0x7f) return { count: 0, low: 0x80, high: 0xbf }
  if (byte >= 0xc2 && byte <= 0xdf) return { count: 1, low: 0x80, high: 0xbf }
  if (byte >= 0xe0 && byte <= 0xef)
    return { count: 2, low: byte === 0xe0 ? 0xa0 : 0x80, high: byte === 0xed ? 0x9f : 0xbf }
  if (byte >= 0xf0 && byte <= 0xf4)
    return { count: 3, low: byte === 0xf0 ? 0x90 : 0x80, high: byte === 0xf4 ? 0x8f : 0xbf }
  return undefined
}

export function hex(digits: string): Buffer {
  return Buffer.from(digits, 'hex')
}

function around(digits: string): Buffer {
  return Buffer.concat([Buffer.from('before '), hex(digits), Buffer.from(' after')])
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

function alternating(count: number): Buffer {
  return Buffer.from(range(0, count - 1).map((index) => (index % 2 === 0 ? 0x80 : 0xbf)))
}

function lonely(first: number, last: number): Buffer {
  return Buffer.from(range(first, last).flatMap((byte) => [byte, 0x20]))
}

function truncated(): Buffer[] {
  return ['c0', 'e080', 'f08080', 'f8808080', 'fc80808080', 'df', 'efbf', 'f7bfbf', 'fbbfbfbf', 'fdbfbfbfbf'].map(hex)
}

function scalar(plane: number, code: number): Buffer {
  return Buffer.from(String.fromCodePoint(plane * 0x10000 + code))
}

function shorten(bytes: Buffer): string {
  return bytes.length <= 16 ? bytes.toString('hex') : `${bytes.toString('hex', 0, 14)}…`
}
