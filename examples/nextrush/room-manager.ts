import type { AppConnection } from '../../src/facades/nextrush.ts'

/** Rooms that an application keeps by itself: a map of sets of sockets. A socket is in one room at a time. */
export class RoomManager {
  readonly #rooms = new Map<string, Set<AppConnection>>()

  joinRoom(roomId: string, socket: AppConnection): void {
    this.leaveRoom(socket)
    const room = this.#rooms.get(roomId) ?? new Set()
    this.#rooms.set(roomId, room.add(socket))
    socket.roomId = roomId
    this.broadcastToRoom(roomId, { type: 'user-joined', roomId, userCount: room.size }, socket)
  }

  leaveRoom(socket: AppConnection): void {
    const roomId = String(socket.roomId)
    const room = this.#rooms.get(roomId)
    if (!room?.delete(socket)) return
    delete socket.roomId
    if (room.size === 0) this.#rooms.delete(roomId)
    else this.broadcastToRoom(roomId, { type: 'user-left', roomId, userCount: room.size })
  }

  broadcastToRoom(roomId: string, message: object, excludeSocket: AppConnection | null = null): void {
    const text = JSON.stringify(message)
    for (const socket of this.#rooms.get(roomId) ?? []) {
      if (socket !== excludeSocket && socket.readyState === socket.OPEN) socket.send(text)
    }
  }

  /** How many are in it. */
  getRoomUsers(roomId: string): number {
    return this.#rooms.get(roomId)?.size ?? 0
  }

  getAllRooms(): Record<string, number> {
    return Object.fromEntries(Array.from(this.#rooms, ([roomId, room]) => [roomId, room.size]))
  }
}
