import fc from 'fast-check'

const WORDS = ['{"type":"message"', '"room":"general",', 'lorem ipsum ', '\0\0\0\0\0\0\0\0', '0123456789', 'жук']

/** Bytes as applications send them: repetitive, random, empty, and now and then longer than any window. */
export const payloads: fc.Arbitrary<Buffer> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(fc.constantFrom(...WORDS), { maxLength: 200 }).map((words) => Buffer.from(words.join(''))),
  },
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(400)).map(repeated) },
)

function repeated([bytes, times]: [Uint8Array, number]): Buffer {
  return Buffer.concat(Array(times).fill(bytes))
}
