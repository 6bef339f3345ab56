import { jsonText } from '../shared/message-arguments.ts'
import type { SendOptions } from '../shared/send-options.ts'
import type { Socket } from '../shared/socket.ts'
import type { Peer } from './peer.ts'

/** What a user needs of the users of its server. */
interface Devices {
  devicesOf(userId: string): readonly Peer[]
  send(userId: string, message: string | Uint8Array, options: boolean | SendOptions | undefined): boolean
}

/** One user on all of its devices: the open connections that have identified as it, as of each call. */
export class User {
  /** As `identify` was given it. */
  readonly id: string
  readonly #devices: Devices

  /** By the engine. */
  constructor(id: string, devices: Devices) {
    this.id = id
    this.#devices = devices
  }

  /** Its open connections, in the order in which they identified. */
  get sockets(): readonly Socket[] {
    return this.#devices.devicesOf(this.id)
  }

  /** Whether it has an open connection. */
  get isOnline(): boolean {
    return this.sockets.length > 0
  }

  /**
   * Sends to every device. True: at least one takes it, or, there being none, the `outbox` keeps it for the next one.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  send(message: string | Uint8Array, options?: boolean | SendOptions): boolean {
    return this.#devices.send(this.id, message, options)
  }

  /** `send` of the value as JSON text. @throws ShardwsError ARGUMENT_INVALID, also when there is no JSON for it. */
  json(value: unknown, options?: SendOptions): boolean {
    return this.send(jsonText(value), options)
  }

  /** Begins the closing handshake with every device. See `Socket.close`. @throws ShardwsError ARGUMENT_INVALID */
  close(code?: number, reason?: string): void {
    for (const socket of this.sockets) socket.close(code, reason)
  }

  /** Puts every device into a room; true if there are any and all are in it now. @throws ShardwsError ARGUMENT_INVALID */
  join(room: string): boolean {
    const joined = this.sockets.map((socket) => socket.join(room))
    return joined.length > 0 && joined.every(Boolean)
  }

  /** Takes every device out of a room; true if one was in it. @throws ShardwsError ARGUMENT_INVALID */
  leave(room: string): boolean {
    return this.sockets.map((socket) => socket.leave(room)).some(Boolean)
  }
}
