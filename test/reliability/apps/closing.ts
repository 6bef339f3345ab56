import type { App } from '../row-server.ts'

/** Echoes; closes a connection that says `close` with 4001; notes every message that does not begin with `whole`. */
export const app: App = {
  start(server) {
    const strange: string[] = []
    server.on('message', (id, message, isBinary) => {
      const text = message.toString('latin1', 0, 20)
      if (text === 'close') server.close(id, 4001, 'as you wish')
      else if (text.startsWith('whole')) server.send(id, message, isBinary)
      // The neighbours count.
      else if (/^\d+$/.test(text)) server.send(id, message, isBinary)
      else strange.push(text)
    })
    return { strange: () => strange }
  },
}
