import { constants } from 'node:zlib'
import { OutputArea } from './output-area.ts'
import { HANDLE_ENGINE } from './zlib-handle.ts'
import { PER_MESSAGE_ENGINE } from './zlib-per-message.ts'
import { CORRUPT, OVER_LIMIT, type ZlibEngine, type ZlibStream } from './zlib-stream.ts'

const SAMPLE = Buffer.from('a context, a context that is kept, and a context that is reset')
const NO_BYTES = new Uint8Array(0)
/** Ends a stream that was flushed: an empty final block. */
const FINAL_BLOCK = Buffer.of(0x03, 0x00)

/** The fastest way to zlib that works on this Node. Takes some milliseconds: to be called once per thread. */
export function chooseEngine(): ZlibEngine {
  return isSound(HANDLE_ENGINE) ? HANDLE_ENGINE : PER_MESSAGE_ENGINE
}

/** Whether an engine does everything that is asked of it, found out by asking. */
export function isSound(engine: ZlibEngine): boolean {
  try {
    return keepsContext(engine) && reportsTheEnd(engine) && reportsFailures(engine)
  } catch {
    return false
  }
}

function keepsContext(engine: ZlibEngine): boolean {
  const deflate = engine.createDeflate({ level: 3, memLevel: 6, windowBits: 13 })
  const inflate = engine.createInflate(15)
  const first = written(deflate, SAMPLE, constants.Z_SYNC_FLUSH)
  const second = written(deflate, SAMPLE, constants.Z_FULL_FLUSH)
  const third = written(deflate, SAMPLE, constants.Z_SYNC_FLUSH)
  deflate.reset()
  const fourth = written(deflate, SAMPLE, constants.Z_SYNC_FLUSH)
  const isRestored = [first, second].every((part) => written(inflate, part, constants.Z_SYNC_FLUSH).equals(SAMPLE))
  inflate.reset()
  const isRestoredAfresh = written(inflate, third, constants.Z_SYNC_FLUSH).equals(SAMPLE)
  inflate.reset()
  const isForgotten = written(inflate, second, constants.Z_SYNC_FLUSH).length === 0
  deflate.close()
  inflate.close()
  const isSmaller = second.length < first.length
  return isRestored && isRestoredAfresh && isForgotten && isSmaller && third.equals(first) && fourth.equals(first)
}

function reportsTheEnd(engine: ZlibEngine): boolean {
  const deflate = engine.createDeflate({ level: 3, memLevel: 6, windowBits: 13 })
  const inflate = engine.createInflate(15)
  const output = new OutputArea()
  const body = written(deflate, SAMPLE, constants.Z_SYNC_FLUSH)
  const ended = Buffer.concat([body, FINAL_BLOCK])
  output.begin(SAMPLE.length)
  const used = inflate.write(Buffer.concat([ended, SAMPLE]), FINAL_BLOCK, constants.Z_FINISH, output)
  deflate.close()
  inflate.close()
  return used === ended.length && output.take().equals(SAMPLE)
}

function reportsFailures(engine: ZlibEngine): boolean {
  const body = written(engine.createDeflate({ level: 3, memLevel: 6, windowBits: 13 }), SAMPLE, constants.Z_SYNC_FLUSH)
  const outcome = (input: Buffer, limit: number): number => {
    const inflate = engine.createInflate(15)
    const output = new OutputArea()
    output.begin(limit)
    const used = inflate.write(input, NO_BYTES, constants.Z_FINISH, output)
    inflate.close()
    return used
  }
  return (
    // A block of a type that does not exist, data that is cut off, and one byte more than allowed.
    outcome(Buffer.of(0xff), 100) === CORRUPT &&
    outcome(body, 100) === CORRUPT &&
    outcome(Buffer.concat([body, FINAL_BLOCK]), SAMPLE.length - 1) === OVER_LIMIT
  )
}

function written(stream: ZlibStream, input: Uint8Array, flush: number): Buffer {
  const output = new OutputArea()
  output.begin(SAMPLE.length * 2)
  if (stream.write(input, NO_BYTES, flush, output) !== input.length) return Buffer.alloc(0)
  return Buffer.from(output.take())
}
