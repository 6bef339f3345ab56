import type { AppConnection } from '../../src/facades/nextrush.ts'

/** Channels that sockets subscribe to. A channel exists while it has subscribers. */
export class LiveUpdates {
  readonly #subscribers = new Map<string, Set<AppConnection>>()
  readonly #channels = new Map<AppConnection, Set<string>>()

  subscribe(channel: string, socket: AppConnection): void {
    this.#subscribers.set(channel, (this.#subscribers.get(channel) ?? new Set()).add(socket))
    this.#channels.set(socket, (this.#channels.get(socket) ?? new Set()).add(channel))
  }

  unsubscribe(channel: string, socket: AppConnection): void {
    const subscribers = this.#subscribers.get(channel)
    subscribers?.delete(socket)
    if (subscribers?.size === 0) this.#subscribers.delete(channel)
    this.#channels.get(socket)?.delete(channel)
  }

  /** Returns how many it was sent to. */
  publish(channel: string, data: object): number {
    const message = JSON.stringify({ type: 'update', channel, data, timestamp: new Date().toISOString() })
    const subscribers = this.#subscribers.get(channel) ?? new Set()
    for (const socket of subscribers) if (socket.readyState === socket.OPEN) socket.send(message)
    return subscribers.size
  }

  /** To be called when a socket closes. */
  cleanupSocket(socket: AppConnection): void {
    for (const channel of this.#channels.get(socket) ?? []) this.unsubscribe(channel, socket)
    this.#channels.delete(socket)
  }
}
