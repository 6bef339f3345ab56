import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { WebSocketServer, type WebSocketServerOptions } from '../../src/index.ts'
import { NESTED_PACKAGE } from '../peers.ts'
import type { AwaitBytes } from './clients.ts'

/** A server with rooms, in this process, and its clients, in another one. */
export interface RoomServer {
  readonly name: string
  /** Bytes of a published text on the wire. */
  frameBytes(text: string): number
  /** Puts one of its connections, by number, into a room. */
  join(connection: number, room: string): void
  publish(room: string, text: string): void
  /** Resolves when the clients have got this much more. */
  received(bytes: number): Promise<void>
  stop(): Promise<void>
}

export interface ShardwsRooms extends RoomServer {
  readonly server: WebSocketServer
}

export async function startShardws(options: WebSocketServerOptions, connections: number): Promise<ShardwsRooms> {
  const server = new WebSocketServer(options)
  const { port } = await server.listen(0, '127.0.0.1')
  const clients = await Clients.start(port, connections, [])
  const ids = server.getConnections()
  return {
    name: `shardws, shards: ${options.shards}`,
    server,
    frameBytes: (text) => frameBytes(text.length),
    join(connection, room) {
      if (!server.join(ids[connection] ?? '', room)) throw new Error('refused')
    },
    publish(room, text) {
      if (!server.publish(room, text)) throw new Error('refused')
    },
    received: (bytes) => clients.received(bytes),
    async stop() {
      await server.shutdown({ deadlineMs: 1000 })
      await clients.stop()
    },
  }
}

/** What is used of `socket.io`, which is no dependency of ours. */
interface SocketIo {
  readonly Server: new (server: object, options: object) => SocketIoServer
}

interface SocketIoServer {
  on(event: 'connection', listener: (socket: { join(room: string): void }) => void): void
  to(room: string): { emit(event: string, text: string): void }
  disconnectSockets(isForced: boolean): void
  close(): Promise<void>
}

/** Null if it is not installed. */
export async function startSocketIo(connections: number): Promise<RoomServer | null> {
  const socketIo = loadSocketIo()
  if (socketIo === null) return null
  const http = createServer()
  const server = new socketIo.Server(http, { transports: ['websocket'], serveClient: false, pingInterval: 600_000 })
  const sockets: { join(room: string): void }[] = []
  server.on('connection', (socket) => sockets.push(socket))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  const clients = await Clients.start(port, connections, ['socket.io'])
  return {
    name: 'Socket.IO 4.8',
    frameBytes: (text) => frameBytes(`42["m","${text}"]`.length),
    join: (connection, room) => sockets[connection]?.join(room),
    publish: (room, text) => server.to(room).emit('m', text),
    received: (bytes) => clients.received(bytes),
    async stop() {
      server.disconnectSockets(true)
      await server.close()
      await clients.stop()
    },
  }
}

function loadSocketIo(): SocketIo | null {
  try {
    return createRequire(NESTED_PACKAGE)('socket.io') as SocketIo
  } catch {
    return null
  }
}

/** Of an unmasked frame. */
function frameBytes(payloadBytes: number): number {
  return payloadBytes + (payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10)
}

class Clients {
  readonly #child: ChildProcess
  /** Rejected with its end. */
  readonly #ended: Promise<never>
  #onAnswer: () => void = () => {}

  static async start(port: number, connections: number, more: readonly string[]): Promise<Clients> {
    const extension = fileURLToPath(import.meta.url).endsWith('.ts') ? 'ts' : 'js'
    const entry = fileURLToPath(new URL(`clients.${extension}`, import.meta.url))
    const clients = new Clients(fork(entry, [`${port}`, `${connections}`, ...more], { execArgv: [] }))
    await clients.#answer()
    return clients
  }

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#ended = once(child, 'exit').then(() => Promise.reject(new Error('the clients have ended')))
    this.#ended.catch(() => {})
    child.on('message', () => this.#onAnswer())
  }

  async received(bytes: number): Promise<void> {
    this.#child.send({ bytes } satisfies AwaitBytes)
    await this.#answer()
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    if (this.#child.connected) this.#child.disconnect()
    await once(this.#child, 'exit')
  }

  #answer(): Promise<void> {
    const answer = new Promise<void>((resolve) => {
      this.#onAnswer = resolve
    })
    return Promise.race([answer, this.#ended])
  }
}
