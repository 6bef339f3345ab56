import type { App } from '../row-server.ts'

/** Answers every message with itself. */
export const app: App = {
  start(server) {
    server.on('message', (id, message, isBinary) => server.send(id, message, isBinary))
    return {}
  },
}
