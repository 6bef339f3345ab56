import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { App } from '../row-server.ts'

const KEPT_BYTES = 5

/** Echoes and keeps every message of five bytes; beside it listens a server of plain sockets that does nothing else. */
export const app: App = {
  start(server) {
    const kept: Buffer[] = []
    server.on('message', (id, message, isBinary) => {
      server.send(id, message, isBinary)
      if (isBinary && message.length === KEPT_BYTES) kept.push(message)
    })
    const sockets = new Set<Socket>()
    let bare: Server | undefined
    return {
      kept: () => kept.length,
      async listenBare(): Promise<number> {
        bare = createServer({ noDelay: true }, (socket) => {
          sockets.add(socket)
          socket.on('data', (bytes) => socket.write(bytes))
          socket.on('error', () => {})
          socket.on('close', () => sockets.delete(socket))
        })
        await once(bare.listen(0, '127.0.0.1'), 'listening')
        return (bare.address() as AddressInfo).port
      },
      bareSockets: () => sockets.size,
      closeBare: () => void bare?.close(),
    }
  },
}
