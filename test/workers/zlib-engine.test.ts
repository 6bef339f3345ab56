import { constants } from 'node:zlib'
import t from 'tap'
import { OutputArea } from '../../workers/output-area.ts'
import { chooseEngine, isSound } from '../../workers/zlib-engine.ts'
import { HANDLE_ENGINE } from '../../workers/zlib-handle.ts'
import { PER_MESSAGE_ENGINE } from '../../workers/zlib-per-message.ts'
import { CORRUPT, OVER_LIMIT, type ZlibEngine, type ZlibStream } from '../../workers/zlib-stream.ts'

const ENGINES = [HANDLE_ENGINE, PER_MESSAGE_ENGINE]
const PARAMETERS = { level: 3, memLevel: 6, windowBits: 13 }
const NO_BYTES = new Uint8Array(0)

/** What one write yields. */
function write(stream: ZlibStream, input: Uint8Array, flush: number, limit = 1e9): { used: number; bytes: Buffer } {
  const output = new OutputArea()
  output.begin(limit)
  return { used: stream.write(input, NO_BYTES, flush, output), bytes: Buffer.from(output.take()) }
}

t.test('on every Node we support the handle is what we think it is', async (t) => {
  t.equal(chooseEngine(), HANDLE_ENGINE)
})

for (const engine of ENGINES) {
  t.test(engine.name, async (t) => {
    t.ok(isSound(engine))

    t.test('output grows as far as needed', async (t) => {
      const payload = Buffer.alloc(5_000_000, 'abcdefgh')
      for (let at = 0; at < payload.length; at += 4) payload.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at)
      const deflated = write(engine.createDeflate(PARAMETERS), payload, constants.Z_SYNC_FLUSH)
      t.equal(deflated.used, payload.length)
      const inflated = write(engine.createInflate(15), deflated.bytes, constants.Z_SYNC_FLUSH)
      t.equal(inflated.used, deflated.bytes.length)
      t.ok(inflated.bytes.equals(payload))
    })

    t.test('output of exactly the limit, and of one byte more', async (t) => {
      for (const size of [1, 1000, 65_535, 65_536, 65_537, 262_144, 1_000_000]) {
        const { bytes } = write(engine.createDeflate(PARAMETERS), Buffer.alloc(size), constants.Z_SYNC_FLUSH)
        t.equal(write(engine.createInflate(15), bytes, constants.Z_SYNC_FLUSH, size).bytes.length, size)
        t.equal(write(engine.createInflate(15), bytes, constants.Z_SYNC_FLUSH, size - 1).used, OVER_LIMIT, `${size}`)
      }
    })

    t.test('input in shared memory', async (t) => {
      const shared = new Uint8Array(new SharedArrayBuffer(1000)).fill(7)
      const { bytes } = write(engine.createDeflate(PARAMETERS), shared, constants.Z_SYNC_FLUSH)
      t.ok(write(engine.createInflate(15), bytes, constants.Z_SYNC_FLUSH).bytes.equals(Buffer.alloc(1000, 7)))
    })

    t.test('corrupt input', async (t) => {
      const stream = engine.createInflate(15)
      t.equal(write(stream, Buffer.of(0xff, 0xff), constants.Z_SYNC_FLUSH).used, CORRUPT)
      stream.close()
      stream.close()
    })
  })
}

/** An engine whose inflating or deflating streams do something else than they should. */
function broken(
  direction: 'createDeflate' | 'createInflate',
  fault: (stream: ZlibStream) => Partial<ZlibStream>,
): ZlibEngine {
  const spoil = (stream: ZlibStream): ZlibStream => ({
    write: (...args) => stream.write(...args),
    reset: () => stream.reset(),
    close: () => stream.close(),
    ...fault(stream),
  })
  return {
    name: 'broken',
    createDeflate: (parameters) => {
      const stream = HANDLE_ENGINE.createDeflate(parameters)
      return direction === 'createDeflate' ? spoil(stream) : stream
    },
    createInflate: (windowBits) => {
      const stream = HANDLE_ENGINE.createInflate(windowBits)
      return direction === 'createInflate' ? spoil(stream) : stream
    },
  }
}

t.test('an engine that does not do what is asked of it is found out', async (t) => {
  t.ok(isSound(broken('createInflate', () => ({}))), 'the wrapper itself does no harm')
  const faults: [string, ZlibEngine][] = [
    ['the write is gone', broken('createDeflate', () => ({ write: undefined as never }))],
    [
      'the write throws',
      broken('createInflate', () => ({
        write: () => {
          throw new TypeError('arguments')
        },
      })),
    ],
    ['nothing comes out', broken('createDeflate', () => ({ write: (input) => input.length }))],
    ['deflate keeps its context over a reset', broken('createDeflate', () => ({ reset: () => {} }))],
    ['inflate keeps its context over a reset', broken('createInflate', () => ({ reset: () => {} }))],
    [
      'inflate loses its context',
      broken('createInflate', (stream) => ({
        write: (...args) => {
          stream.reset()
          return stream.write(...args)
        },
      })),
    ],
    [
      'errors go unnoticed',
      broken('createInflate', (stream) => ({
        write: (input, ...rest) => {
          const used = stream.write(input, ...rest)
          return used === CORRUPT ? input.length : used
        },
      })),
    ],
    [
      'the end goes unnoticed',
      broken('createInflate', (stream) => ({
        write: (input, tail, ...rest) => {
          const used = stream.write(input, tail, ...rest)
          return used < 0 ? used : input.length + tail.length
        },
      })),
    ],
    [
      'the limit goes unnoticed',
      broken('createInflate', (stream) => ({
        write: (input, ...rest) => {
          const used = stream.write(input, ...rest)
          return used === OVER_LIMIT ? input.length : used
        },
      })),
    ],
  ]
  for (const [name, engine] of faults) t.notOk(isSound(engine), name)
})
