import type { VerbSocket } from '../../src/facades/verb.ts'

export interface ClientRecord {
  readonly socket: VerbSocket
  readonly metadata: Readonly<Record<string, unknown>>
  readonly connectedAt: Date
  lastActivity: Date
}

/** Clients by an id of the application, with what is known of them, and their rooms. */
export class WebSocketManager {
  readonly #clients = new Map<string, ClientRecord>()
  /** Room to the ids of its members; a room goes with its last member. */
  readonly #rooms = new Map<string, Set<string>>()

  /** One client has one connection: an older one is told to go. */
  addClient(socket: VerbSocket, clientId: string, metadata: Readonly<Record<string, unknown>> = {}): void {
    this.#clients.get(clientId)?.socket.close(4000, 'Connected elsewhere')
    this.removeClient(clientId)
    const now = new Date()
    this.#clients.set(clientId, { socket, metadata, connectedAt: now, lastActivity: now })
    socket.on('message', () => this.#touch(clientId, socket))
    socket.on('close', () => {
      if (this.#clients.get(clientId)?.socket === socket) this.removeClient(clientId)
    })
  }

  /** Leaves all rooms, too. */
  removeClient(clientId: string): void {
    for (const roomId of [...this.#rooms.keys()]) this.leaveRoom(clientId, roomId)
    this.#clients.delete(clientId)
  }

  getClient(clientId: string): ClientRecord | undefined {
    return this.#clients.get(clientId)
  }

  getAllClients(): [clientId: string, record: ClientRecord][] {
    return [...this.#clients]
  }

  /** False: there is no such client. */
  joinRoom(clientId: string, roomId: string): boolean {
    if (!this.#clients.has(clientId)) return false
    this.#rooms.set(roomId, (this.#rooms.get(roomId) ?? new Set()).add(clientId))
    return true
  }

  leaveRoom(clientId: string, roomId: string): boolean {
    const room = this.#rooms.get(roomId)
    const wasMember = room?.delete(clientId) ?? false
    if (room?.size === 0) this.#rooms.delete(roomId)
    return wasMember
  }

  isInRoom(clientId: string, roomId: string): boolean {
    return this.#rooms.get(roomId)?.has(clientId) ?? false
  }

  broadcastToRoom(roomId: string, message: string, excludeClient: string | null = null): void {
    for (const clientId of this.#rooms.get(roomId) ?? []) {
      if (clientId !== excludeClient) this.#clients.get(clientId)?.socket.send(message)
    }
  }

  broadcast(message: string, excludeClient: string | null = null): void {
    for (const [clientId, { socket }] of this.#clients) if (clientId !== excludeClient) socket.send(message)
  }

  #touch(clientId: string, socket: VerbSocket): void {
    const record = this.#clients.get(clientId)
    if (record?.socket === socket) record.lastActivity = new Date()
  }
}
