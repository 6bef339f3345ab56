import assert from 'node:assert/strict'
import { constants, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { Deflater } from '../../workers/deflater.ts'
import { OutputArea } from '../../workers/output-area.ts'
import { HANDLE_ENGINE } from '../../workers/zlib-handle.ts'
import { PER_MESSAGE_ENGINE } from '../../workers/zlib-per-message.ts'
import type { DeflateParameters, ZlibEngine } from '../../workers/zlib-stream.ts'
import { payloads } from './payloads.ts'

const DEFAULTS = { level: 6, memLevel: 8, windowBits: 15 }
const TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff)

function deflaterOf(engine: ZlibEngine, parameters: DeflateParameters = DEFAULTS): Deflater {
  return new Deflater(engine.createDeflate(parameters), new OutputArea())
}

/** zlib's own reading of bodies that are parts of one stream. */
function inflated(bodies: readonly Uint8Array[], windowBits = 15): Buffer {
  const stream = Buffer.concat(bodies.flatMap((body) => [body, TAIL]))
  return inflateRawSync(stream, { finishFlush: constants.Z_SYNC_FLUSH, windowBits })
}

for (const engine of [HANDLE_ENGINE, PER_MESSAGE_ENGINE]) {
  t.test(engine.name, async (t) => {
    t.test('RFC 7692 §7.2.3.1 and §7.2.3.2: the examples', async (t) => {
      const deflater = deflaterOf(engine)
      const hello = Buffer.from('Hello')
      t.equal(deflater.deflate(hello, true).toString('hex'), 'f248cdc9c90700')
      t.equal(deflater.deflate(hello, true).toString('hex'), 'f200110000', 'it refers to the first')
      deflater.reset()
      t.equal(deflater.deflate(hello, false).toString('hex'), 'f248cdc9c90700')
      t.equal(deflater.deflate(hello, false).toString('hex'), 'f248cdc9c90700')
      deflater.close()
      deflater.close()
    })

    t.test('RFC 7692 §7.2.3.6: nothing', async (t) => {
      const deflater = deflaterOf(engine)
      const bodies = ['', 'one one one', '', '', 'one'].map((text) =>
        Buffer.from(deflater.deflate(Buffer.from(text), true)),
      )
      t.equal(bodies[0]?.toString('hex'), '00')
      t.equal(bodies[3]?.toString('hex'), '00')
      t.equal(inflated(bodies).toString(), 'one one oneone')
    })

    t.test('property: zlib inflates it, whatever the parameters', async () => {
      fc.assert(
        fc.property(
          fc.array(payloads, { minLength: 1, maxLength: 5 }),
          fc.boolean(),
          fc.record({
            level: fc.integer({ min: 1, max: 9 }),
            memLevel: fc.integer({ min: 1, max: 9 }),
            windowBits: fc.integer({ min: 9, max: 15 }),
          }),
          (messages, keepContext, parameters) => {
            const deflater = deflaterOf(engine, parameters)
            const bodies = messages.map((message) => Buffer.from(deflater.deflate(message, keepContext)))
            // A receiver with no larger window than the agreed one.
            const read = (parts: readonly Buffer[]): Buffer => inflated(parts, parameters.windowBits)
            const restored = keepContext ? read(bodies) : Buffer.concat(bodies.map((body) => read([body])))
            assert.ok(restored.equals(Buffer.concat(messages)))
            deflater.close()
          },
        ),
        { numRuns: engine === HANDLE_ENGINE ? 300 : 100 },
      )
    })
  })
}

t.test('what is returned is valid until the next message', async (t) => {
  const deflater = deflaterOf(HANDLE_ENGINE)
  const first = deflater.deflate(Buffer.from('first'), false)
  const copy = Buffer.from(first)
  deflater.deflate(Buffer.from('second'), false)
  t.notOk(first.equals(copy), 'and not copied')
})
