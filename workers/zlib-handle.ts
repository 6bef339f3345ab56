import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'
import type { OutputArea } from './output-area.ts'
import { CORRUPT, OVER_LIMIT, type ZlibEngine, type ZlibStream } from './zlib-stream.ts'

/** What lies behind a zlib stream of Node 20 to 26. Private: `chooseEngine` tries it out before anybody relies on it. */
interface ZlibHandle {
  /** Leaves in `_writeState` how many bytes of output room and of input it has not used. */
  writeSync(
    flush: number,
    input: Uint8Array,
    inputOffset: number,
    inputLength: number,
    output: Uint8Array,
    outputOffset: number,
    outputLength: number,
  ): void
  reset(): void
  close(): void
  /** Called during `writeSync` and `reset`. */
  onerror: (message: string, errno: number, code: string) => void
}

interface PrivateParts {
  readonly _handle: ZlibHandle
  readonly _writeState: Uint32Array
}

/** The least Node allows: the stream's own output buffer is never used. */
const CHUNK_BYTES = 64

/**
 * zlib through the handle of a Node stream: no stream machinery, no thread pool, no new context per message.
 * This is the only file that knows the handle.
 */
export const HANDLE_ENGINE: ZlibEngine = {
  name: 'handle',
  createDeflate: (parameters) => new HandleStream(createDeflateRaw({ ...parameters, chunkSize: CHUNK_BYTES })),
  createInflate: (windowBits) => new HandleStream(createInflateRaw({ windowBits, chunkSize: CHUNK_BYTES })),
}

class HandleStream implements ZlibStream {
  /** Kept, for the handle writes to memory of the stream. */
  readonly #stream: { close(): void }
  readonly #handle: ZlibHandle
  readonly #state: Uint32Array
  #hasFailed = false

  constructor(stream: { close(): void }) {
    const { _handle: handle, _writeState: state } = stream as { close(): void } & PrivateParts
    this.#stream = stream
    this.#handle = handle
    this.#state = state
    handle.onerror = () => {
      this.#hasFailed = true
    }
  }

  write(input: Uint8Array, tail: Uint8Array, flush: number, output: OutputArea): number {
    if (tail.length === 0) return this.#writePart(input, flush, output)
    const used = this.#writePart(input, constants.Z_SYNC_FLUSH, output)
    if (used < input.length) return used
    const usedOfTail = this.#writePart(tail, flush, output)
    return usedOfTail < 0 ? usedOfTail : used + usedOfTail
  }

  reset(): void {
    this.#handle.reset()
  }

  close(): void {
    this.#stream.close()
  }

  #writePart(input: Uint8Array, flush: number, output: OutputArea): number {
    const { length } = input
    let at = 0
    for (;;) {
      const room = output.makeRoom()
      if (room === 0) return OVER_LIMIT
      this.#handle.writeSync(flush, input, at, length - at, output.bytes, output.length, room)
      if (this.#hasFailed) return CORRUPT
      const roomLeft = this.#state[0] as number
      at = length - (this.#state[1] as number)
      output.length += room - roomLeft
      // zlib may have more to say as long as it fills all the room it is given.
      if (roomLeft > 0) return at
    }
  }
}
