import type { MainCounters } from './main-counters.ts'
import type { Peer } from './peer.ts'
import type { Presence, Replay, ResolvedRoomOptions } from './room-options.ts'
import type { Rooms, RoomsObserver } from './rooms.ts'

/** What a server tells the members of its rooms by itself: who comes and goes, and to newcomers what came before. */
export class RoomNotices implements RoomsObserver {
  readonly #options: ResolvedRoomOptions
  readonly #counters: MainCounters
  readonly #observer: RoomsObserver
  readonly #rooms: () => Rooms

  constructor(options: ResolvedRoomOptions, counters: MainCounters, observer: RoomsObserver, rooms: () => Rooms) {
    this.#options = options
    this.#counters = counters
    this.#observer = observer
    this.#rooms = rooms
  }

  /** The past goes out first: whoever hears of the join may publish. */
  onJoined(peer: Peer, room: string): void {
    this.#replay(peer, room)
    this.#tell(peer, room, 'join')
    this.#observer.onJoined(peer, room)
  }

  onLeft(peer: Peer, room: string): void {
    this.#tell(peer, room, 'leave')
    this.#observer.onLeft(peer, room)
  }

  onError(peer: Peer | null, error: Error): void {
    this.#observer.onError(peer, error)
  }

  #replay(peer: Peer, room: string): void {
    const { history } = this.#options
    if (history.replay === undefined) return
    try {
      const past = history.replay(room, peer)
      if (past instanceof Promise) {
        past.then((messages) => sendAll(peer, messages)).catch((error: Error) => this.#failed(peer, error))
      } else sendAll(peer, past)
    } catch (error) {
      this.#failed(peer, error as Error)
    }
  }

  #tell(peer: Peer, room: string, kind: Presence['kind']): void {
    const { presence } = this.#options
    if (presence === null) return
    const rooms = this.#rooms()
    try {
      const message = presence({ kind, room, socket: peer, size: rooms.sizeOf(room) })
      if (message !== null) rooms.publish(room, message, { except: peer })
    } catch (error) {
      this.#failed(peer, error as Error)
    }
  }

  #failed(peer: Peer, error: Error): void {
    this.#counters.handlerErrors++
    this.#observer.onError(peer, error)
  }
}

function sendAll(peer: Peer, messages: Replay): void {
  for (const message of messages) if (!peer.send(message)) return
}
