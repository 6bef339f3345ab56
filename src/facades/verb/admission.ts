import { CloseCode } from '../../shared/protocol/close-codes.ts'
import type { EngineSocket } from './verb-socket.ts'

/** Who may stay when there are more connections than `maxConnections` and newcomers are told so with a close code. */
export class Admission {
  readonly #most: number
  readonly #admitted = new Set<EngineSocket>()
  #total = 0
  #refused = 0

  /** @param most Infinity: everyone whom the engine has let in. */
  constructor(most: number) {
    this.#most = most
  }

  /** Connections ever admitted. */
  get total(): number {
    return this.#total
  }

  /** Connections that are admitted now. */
  get active(): number {
    return this.#admitted.size
  }

  /** Connections that were closed with 1013. */
  get refused(): number {
    return this.#refused
  }

  admit(socket: EngineSocket): boolean {
    if (this.#admitted.size >= this.#most) {
      this.#refused++
      socket.close(CloseCode.TRY_AGAIN_LATER, 'Server overloaded')
      return false
    }
    this.#total++
    this.#admitted.add(socket)
    return true
  }

  leave(socket: EngineSocket): void {
    this.#admitted.delete(socket)
  }
}
