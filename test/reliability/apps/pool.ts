import { closeSync, open, openSync, stat } from 'node:fs'
import type { App } from '../row-server.ts'

/** Echoes, and blocks every thread of libuv's pool until it is told to let go: each opens a pipe that nobody writes to. */
export const app: App = {
  start(server) {
    server.on('message', (id, message, isBinary) => server.send(id, message, isBinary))
    const opened: Promise<number>[] = []
    let hasAnswered = false
    return {
      block(pipe: string, threads: number): void {
        for (let i = 0; i < threads; i++) {
          const descriptor = new Promise<number>((resolve, reject) => {
            open(pipe, 'r', (error, fd) => (error === null ? resolve(fd) : reject(error)))
          })
          opened.push(descriptor)
        }
        stat(pipe, () => (hasAnswered = true))
      },
      isBlocked: () => !hasAnswered,
      async release(pipe: string): Promise<void> {
        const writer = openSync(pipe, 'w')
        for (const descriptor of opened) closeSync(await descriptor)
        closeSync(writer)
      },
    }
  },
}
