import { randomFillSync } from 'node:crypto'
import type { App } from '../row-server.ts'

/** Sends numbered messages that no two have in common, as often as it is told to. Also echoes. */
export const app: App = {
  start(server) {
    const numbers = new Map<string, number>()
    /** Its number in the first four bytes, noise behind it. */
    const fill = (message: Buffer, stream: string): Buffer => {
      const number = numbers.get(stream) ?? 0
      numbers.set(stream, number + 1)
      randomFillSync(message, 4)
      message.writeUInt32BE(number)
      return message
    }
    const next = (stream: string, size: number): Buffer => fill(Buffer.allocUnsafe(size), stream)
    server.on('message', (id, message, isBinary) => server.send(id, message, isBinary))
    return {
      /** Returns how many were said to have been refused somewhere. */
      broadcast(count: number, size: number): number {
        let refused = 0
        for (let i = 0; i < count; i++) if (!server.broadcast(next('all', size))) refused++
        return refused
      },
      /** Returns how many were accepted; a number that was refused is not used again. */
      send(id: string, count: number, size: number): number {
        let accepted = 0
        let message = Buffer.allocUnsafe(size)
        for (let i = 0; i < count; i++) {
          if (!server.send(id, fill(message, id))) continue
          accepted++
          // One that was refused is filled again: a million of them would leave freed blocks in the process that are
          // not the server's.
          message = Buffer.allocUnsafe(size)
        }
        return accepted
      },
      mainMemory: () => {
        globalThis.gc?.()
        const { heapUsed, external } = process.memoryUsage()
        return heapUsed + external
      },
      /** What message ports hold is here; garbage, of which a busy machine collects less, is not. */
      nativeMemory: () => {
        globalThis.gc?.()
        const { rss, heapTotal, external } = process.memoryUsage()
        return rss - heapTotal - external
      },
    }
  },
}
