import type { Socket } from './socket.ts'

/** What the server's own listeners hear, before the handler and the socket; none of these throws. */
export interface ServerListeners {
  onConnection(socket: Socket): void
  /** Its handler takes messages. */
  onReady(socket: Socket): void
  /** Returns a promise that never rejects if a listener works on the message until then. */
  onMessage(socket: Socket, message: Buffer, isBinary: boolean): Promise<unknown> | undefined
  onClose(socket: Socket, code: number, reason: string): void
  onError(socket: Socket | null, error: Error): void
  onDrain(socket: Socket): void
  onDropped(socket: Socket): void
  onJoined(socket: Socket, room: string): void
  onLeft(socket: Socket, room: string): void
  /** Code of the application threw or rejected. */
  onHandlerError(): void
  /** So did a listener of errors, which hears of no more of them. */
  onErrorListenerFailed(error: unknown): void
  /** A message did not match the schema of its handler and was not delivered. */
  onInvalidMessage(): void
  /** A connection was closed because its middleware did not get on, or because it did not say who it is. */
  onTimeout(socket: Socket, code: TimeoutCode): void
}

export type TimeoutCode = 'MIDDLEWARE_TIMEOUT' | 'AUTH_TIMEOUT'
