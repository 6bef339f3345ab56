import { randomBytes } from 'node:crypto'
import type { App } from '../row-server.ts'

const MIB = 1024 ** 2
/** Larger ones are given back to the kernel when they are freed: glibc maps them one by one. */
const LEAST_BYTES = 33 * MIB

/** Holds as much memory as it is told to, and sends what nobody reads. Also echoes. */
export const app: App = {
  start(server) {
    const ballast: Buffer[] = []
    /** What is held besides the ballast. */
    const settle = (): number => {
      // The second one waits for what the first one frees on a thread of its own.
      globalThis.gc?.()
      globalThis.gc?.()
      return process.memoryUsage.rss()
    }
    server.on('message', (id, message, isBinary) => server.send(id, message, isBinary))
    return {
      /** Until resident memory is this part of `maxMemoryBytes`. Returns what it is. */
      hold(pressure: number): number {
        const { limitBytes } = server.stats().memory
        ballast.length = 0
        const lacking = pressure * limitBytes - settle()
        if (lacking >= LEAST_BYTES) ballast.push(Buffer.alloc(Math.floor(lacking), 1))
        return process.memoryUsage.rss() / limitBytes
      },
      /** Queues as many bytes of messages that no two have in common, whatever the kernel takes. */
      queue(id: string, bytes: number): void {
        for (let left = bytes; left > 0; left -= MIB) server.send(id, randomBytes(MIB))
      },
      /** Returns the most that was held meanwhile, as a part of `maxMemoryBytes`. */
      async attack(ids: readonly string[], size: number, everyMs: number, rounds: number): Promise<number> {
        let most = 0
        for (let round = 0; round < rounds; round++) {
          for (const id of ids) server.send(id, randomBytes(size))
          most = Math.max(most, process.memoryUsage.rss() / server.stats().memory.limitBytes)
          await new Promise((resolve) => setTimeout(resolve, everyMs))
        }
        return most
      },
    }
  },
}
