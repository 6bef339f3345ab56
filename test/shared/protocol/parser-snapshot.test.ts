import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { FrameParser } from '../../../src/shared/protocol/frame-parser.ts'
import { encodeMaskedFrame } from '../../../src/shared/protocol/frame-writer.ts'
import { MessageBuffer } from '../../../src/shared/protocol/message-buffer.ts'
import { Opcode } from '../../../src/shared/protocol/opcodes.ts'
import { EventLog, hex, parse } from './event-log.ts'
import { changes, LIMITS, streams } from './frame-streams.ts'

/** The events of parsers that follow one another, each of which gets one part. */
function parseInTurn(parts: readonly Buffer[], log = new EventLog()): string[] {
  let parser = new FrameParser('server', LIMITS, log)
  for (const part of parts) {
    const violation = parser.push(Buffer.from(part))
    if (violation !== null) log.events.push(violation.code)
    const snapshot = structuredClone(parser.snapshot())
    parser.stop()
    parser = new FrameParser('server', LIMITS, log)
    parser.restore(snapshot)
  }
  return log.events
}

t.test('property: any stream, valid or not, gives the same events whoever goes on with it, at any byte', async (t) => {
  const outcomes = new Set<string>()
  fc.assert(
    fc.property(streams, changes, fc.array(fc.nat(4000), { maxLength: 3 }), (valid, list, positions) => {
      const stream = Buffer.from(valid)
      for (const { at, byte } of list) stream[at % stream.length] = byte
      const edges = [0, ...positions.map((at) => at % (stream.length + 1)).sort((a, b) => a - b), stream.length]
      const parts = edges.slice(1).map((end, index) => stream.subarray(edges[index], end))
      const wanted = parse([stream], LIMITS)
      assert.deepEqual(parseInTurn(parts), wanted)
      for (const event of wanted) outcomes.add(event.split(' ')[0] as string)
    }),
    { seed: 6455, numRuns: 2000 },
  )
  for (const wanted of ['binary', 'text', 'compressed', 'ping', 'close', 'INVALID_UTF8', 'MESSAGE_TOO_BIG']) {
    t.ok(outcomes.has(wanted), wanted)
  }
})

t.test('a new parser for every byte: two fragments, a code point between them, a ping in its middle', async (t) => {
  const text = Buffer.from('price: 5 €')
  const stream = Buffer.concat([
    encodeMaskedFrame(Opcode.TEXT, text.subarray(0, -1), 0x12345678, { fin: false }),
    encodeMaskedFrame(Opcode.PING, Buffer.from('are you there'), 0x7fffffff),
    encodeMaskedFrame(Opcode.CONTINUATION, text.subarray(-1), -1),
    encodeMaskedFrame(Opcode.BINARY, Buffer.alloc(300, 7), 1),
  ])
  const wanted = parse([stream], LIMITS)
  t.equal(wanted.length, 3)
  t.same(parseInTurn(Array.from(stream, (byte) => Buffer.of(byte))), wanted)
})

t.test('fragments of a message are counted on: limit and one more', async (t) => {
  const fragment = encodeMaskedFrame(Opcode.CONTINUATION, Buffer.of(1), 0, { fin: false })
  const first = encodeMaskedFrame(Opcode.BINARY, Buffer.of(1), 0, { fin: false })
  const parts = [first, ...Array<Buffer>(LIMITS.maxFragments - 1).fill(fragment)]
  t.same(parseInTurn(parts), [])
  t.same(parseInTurn([...parts, fragment]), ['TOO_MANY_FRAGMENTS'])
})

t.test('one that has stopped stays so', async (t) => {
  t.same(parseInTurn([hex('83 80 00000000'), encodeMaskedFrame(Opcode.PING, Buffer.alloc(0), 0)]), ['INVALID_OPCODE'])
})

t.test('a message under way is one at the next parser', async (t) => {
  const parser = new FrameParser('server', LIMITS, new EventLog())
  parser.push(encodeMaskedFrame(Opcode.TEXT, Buffer.from('a'), 0, { fin: false }))
  const next = new FrameParser('server', LIMITS, new EventLog())
  next.restore(parser.snapshot())
  t.equal(next.isUnderWay, true)
})

t.test('the bytes kept own their memory, and are taken over', async (t) => {
  const kept = MessageBuffer.append(null, Buffer.from('some'), 1000).snapshot()
  t.equal(kept.buffer.byteLength, 4, 'it may be given away')
  const restored = MessageBuffer.restore(kept)
  const whole = MessageBuffer.complete(restored, Buffer.alloc(0))
  t.equal(whole.buffer, kept.buffer)
  t.equal(MessageBuffer.complete(restored, Buffer.from(' more')).toString(), 'some more')
})
