import { answerTo } from '../json-app.ts'
import { serve } from './serve.ts'

/** The part of Bun's API that is used here; `@types/bun` would put its globals into the whole project. */
interface BunSocket {
  subscribe(topic: string): void
  send(message: string | Uint8Array, compress?: boolean): number
}

interface BunServer {
  readonly port: number
  upgrade(request: unknown): boolean
  publish(topic: string, message: string | Uint8Array): number
}

interface BunRuntime {
  serve(options: {
    readonly port: number
    readonly hostname: string
    fetch(request: unknown, server: BunServer): unknown
    readonly websocket: {
      readonly perMessageDeflate: boolean
      /** Bytes; past it messages are dropped. */
      readonly backpressureLimit: number
      open(socket: BunSocket): void
      message(socket: BunSocket, message: string | Uint8Array): void
    }
  }): BunServer
}

const { Bun } = globalThis as unknown as { Bun: BunRuntime }

const TOPIC = 'everyone'

serve(async ({ app, deflate = false }) => {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request, server) => (server.upgrade(request) ? undefined : 'WebSocket only'),
    websocket: {
      perMessageDeflate: deflate,
      backpressureLimit: 64 * 1024 * 1024,
      open: (socket) => {
        if (app === 'fan-out') socket.subscribe(TOPIC)
      },
      message: (socket, message) => {
        if (app === 'echo') socket.send(message, deflate)
        else if (app === 'json') socket.send(answerTo(String(message)))
        else server.publish(TOPIC, message)
      },
    },
  })
  return server.port
})
