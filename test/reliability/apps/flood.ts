import { randomFillSync } from 'node:crypto'
import type { App } from '../row-server.ts'

/** Sends numbered messages that no two have in common, as often as it is told to. Also echoes. */
export const app: App = {
  start(server) {
    const numbers = new Map<string, number>()
    /** Its number in the first four bytes, noise behind it. */
    const next = (stream: string, size: number): Buffer => {
      const number = numbers.get(stream) ?? 0
      numbers.set(stream, number + 1)
      const message = randomFillSync(Buffer.allocUnsafe(size), 4)
      message.writeUInt32BE(number)
      return message
    }
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
        for (let i = 0; i < count; i++) if (server.send(id, next(id, size))) accepted++
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
