import assert from 'node:assert/strict'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import fc from 'fast-check'
import t from 'tap'
import { APART_BYTES, BatchReader, BatchWriter, type Field, type PostedBatch } from '../../src/shared/batch.ts'

/** `shortText` takes less than this. */
const SHORT_UNITS = Math.floor(APART_BYTES / 3)

/** As the other thread gets it. */
function posted(writer: BatchWriter): PostedBatch {
  const { port1, port2 } = new MessageChannel()
  const batch = writer.finish()
  port1.postMessage(batch.posted, batch.transfer)
  const received = receiveMessageOnPort(port2)?.message
  port1.close()
  return received
}

function written(write: (batch: BatchWriter) => void): BatchReader {
  const writer = new BatchWriter()
  write(writer)
  return new BatchReader(posted(writer))
}

t.test('fields come back in order and of the same type', async (t) => {
  const reader = written((batch) => {
    batch.begin(7, 1, 'two', true, -4.5, '', false)
    batch.beginWithKey(8, 2 ** 31 - 1)
    batch.field(null)
  })
  t.equal(reader.messages, 2)
  t.same([reader.number(), reader.number(), reader.string(), reader.boolean()], [7, 1, 'two', true])
  t.same([reader.number(), reader.string(), reader.boolean()], [-4.5, '', false])
  t.same([reader.number(), reader.number()], [8, 2 ** 31 - 1])
  t.notOk(reader.isDone)
  t.equal(reader.string(), null)
  t.ok(reader.isDone)
})

for (const size of [0, 1, APART_BYTES - 1, APART_BYTES, APART_BYTES + 1, 1024 * 1024]) {
  t.test(`a payload of ${size} bytes`, async (t) => {
    const payload = Buffer.alloc(size, 'payload')
    const writer = new BatchWriter()
    writer.begin(1)
    writer.bytes(payload)
    t.equal(writer.payloadBytes, size)
    const sent = posted(writer)
    t.equal(Array.isArray(sent), size >= APART_BYTES, 'whether it travels apart')
    const reader = new BatchReader(sent)
    t.equal(reader.payloadBytes, size)
    reader.number()
    t.ok(reader.bytes().equals(payload))
    t.ok(reader.isDone)
  })
}

t.test('bytes are copied: the caller may reuse them at once', async (t) => {
  for (const size of [100, APART_BYTES]) {
    const payload = Buffer.alloc(size, 'a')
    const reader = written((batch) => {
      batch.bytes(payload)
      payload.fill('b')
    })
    t.ok(reader.bytes().equals(Buffer.alloc(size, 'a')), `${size} bytes`)
  }
})

t.test('long bytes that are owned change threads without a copy, short ones are copied', async (t) => {
  for (const size of [APART_BYTES - 1, APART_BYTES, APART_BYTES + 1]) {
    const memory = new Uint8Array(size + 24).fill(7)
    const payload = memory.subarray(16, 16 + size)
    payload.fill(1)
    const writer = new BatchWriter()
    writer.begin(1)
    writer.owned(payload)
    t.equal(writer.payloadBytes, size)
    const reader = new BatchReader(posted(writer))
    reader.number()
    t.ok(reader.bytes().equals(Buffer.alloc(size, 1)), `${size} bytes, none of their neighbours`)
    t.ok(reader.isDone)
    t.equal(memory.length === 0, size >= APART_BYTES, 'gone')
  }
})

t.test('text is UTF-8, and its length in bytes is returned', async (t) => {
  const texts = [
    '',
    'ascii',
    'é'.repeat(SHORT_UNITS),
    '漢'.repeat(SHORT_UNITS),
    '😀'.repeat(SHORT_UNITS / 2),
    'x'.repeat(SHORT_UNITS),
  ]
  const writer = new BatchWriter()
  for (const text of texts) t.equal(writer.shortText(text), Buffer.byteLength(text))
  t.equal(writer.payloadBytes, Buffer.byteLength(texts.join('')))
  const reader = new BatchReader(posted(writer))
  for (const text of texts) t.equal(reader.bytes().toString(), text, `${text.length} units`)
})

t.test('a lone surrogate in text becomes U+FFFD', async (t) => {
  t.equal(
    written((batch) => batch.shortText('a\ud800b'))
      .bytes()
      .toString(),
    'a\ufffdb',
  )
})

t.test('shared memory is mapped, not copied and not transferred', async (t) => {
  const memory = new SharedArrayBuffer(5000)
  const writer = new BatchWriter()
  writer.whole(memory)
  writer.bytes(Buffer.alloc(APART_BYTES, 'x'))
  t.equal(writer.payloadBytes, 5000 + APART_BYTES)
  const { posted, transfer } = writer.finish()
  t.notOk((transfer as unknown[]).includes(memory))
  t.equal(transfer.length, 2, 'the batch and the payload apart')
  const reader = new BatchReader(posted)
  const mapped = reader.bytes()
  new Uint8Array(memory)[4999] = 42
  t.equal(mapped.length, 5000)
  t.equal(mapped[4999], 42)
  t.equal(reader.bytes().length, APART_BYTES)
})

t.test('a whole buffer is transferred, not copied', async (t) => {
  const memory = new ArrayBuffer(10)
  const writer = new BatchWriter()
  writer.whole(memory)
  t.equal(writer.payloadBytes, 10)
  const sent = posted(writer)
  t.equal(memory.byteLength, 0, 'it is gone here')
  t.equal(new BatchReader(sent).bytes().length, 10)
})

t.test('finish leaves an empty writer, and later batches do not touch earlier ones', async (t) => {
  const writer = new BatchWriter()
  writer.begin(1)
  writer.bytes(Buffer.from('first'))
  const first = posted(writer)
  t.equal(writer.messages, 0)
  t.equal(writer.payloadBytes, 0)
  writer.begin(2)
  writer.bytes(Buffer.from('second'))
  const second = new BatchReader(posted(writer))
  const reader = new BatchReader(first)
  t.same([reader.number(), reader.bytes().toString(), reader.isDone], [1, 'first', true])
  t.same([second.number(), second.bytes().toString(), second.isDone], [2, 'second', true])
})

type Part =
  | { readonly is: 'field'; readonly value: Field }
  | { readonly is: 'bytes'; readonly value: Uint8Array }
  | { readonly is: 'text'; readonly value: string }
  | { readonly is: 'shared'; readonly value: Uint8Array }

const sizes = fc.oneof(
  { weight: 8, arbitrary: fc.nat(300) },
  fc.integer({ min: APART_BYTES - 2000, max: APART_BYTES + 2000 }),
)
const payloads = fc.tuple(sizes, fc.nat(255)).map(([size, fill]) => new Uint8Array(size).fill(fill))
// Adding 0 turns -0, which msgpackr packs as the integer 0, into that.
const values: fc.Arbitrary<Field> = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true }).map((value) => value + 0),
  fc.boolean(),
  fc.constant(null),
)
const texts = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.nat(SHORT_UNITS).map((length) => '漢'.repeat(length)),
)
const parts: fc.Arbitrary<Part> = fc.oneof(
  values.map((value): Part => ({ is: 'field', value })),
  fc.string({ unit: 'grapheme' }).map((value): Part => ({ is: 'field', value })),
  payloads.map((value): Part => ({ is: 'bytes', value })),
  texts.map((value): Part => ({ is: 'text', value })),
  payloads.map((value): Part => ({ is: 'shared', value })),
)

function write(batch: BatchWriter, part: Part): void {
  if (part.is === 'field') batch.field(part.value)
  else if (part.is === 'bytes') batch.bytes(part.value)
  else if (part.is === 'text') batch.shortText(part.value)
  else {
    const memory = new SharedArrayBuffer(part.value.length)
    new Uint8Array(memory).set(part.value)
    batch.whole(memory)
  }
}

t.test('property: whatever is written in whatever order is read in that order', async (t) => {
  const writer = new BatchWriter()
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 30 }), (sequence) => {
      for (const part of sequence) write(writer, part)
      const reader = new BatchReader(posted(writer))
      for (const { is, value } of sequence) {
        if (is === 'field') assert.deepEqual(reader.number(), value)
        else assert.ok(reader.bytes().equals(typeof value === 'string' ? Buffer.from(value) : value))
      }
      assert.ok(reader.isDone)
    }),
    { numRuns: 150 },
  )
  t.pass('150 sequences')
})

t.test('what the application gets of a batch cannot be transferred away from the other messages', async (t) => {
  const reader = written((batch) => {
    for (const text of ['first', 'second']) {
      batch.beginWithKey(1, 2)
      batch.bytes(Buffer.from(text))
    }
  })
  reader.number()
  reader.number()
  const { buffer } = reader.payload()
  const { port1 } = new MessageChannel()
  // Node 20 makes a copy, later ones refuse.
  try {
    port1.postMessage(buffer, [buffer as ArrayBuffer])
  } catch (error) {
    t.match(error, { name: 'DataCloneError' })
  }
  port1.close()
  t.same([reader.number(), reader.number(), reader.payload().toString()], [1, 2, 'second'])
})
