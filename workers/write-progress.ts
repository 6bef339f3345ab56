import type { Duplex } from 'node:stream'
import { untakenBytes } from '../src/shared/handoff/handle.ts'
import { RelaySocket } from '../src/shared/handoff/relay-socket.ts'

/** Of TLS only whole writes can be told, and one that is blocked for fewer looks may just have been on its way to the kernel. */
const LOOKS = 2

/** Whether the peer of one connection reads although it says nothing: the kernel takes what it had refused. */
export class WriteProgress {
  /** Of the blocked write at the latest look; null where it cannot be told. */
  #untakenBytes: number | null = null
  /** Looks at the blocked write. */
  #looks = 0
  /** A write that had been refused has been taken since the latest look. */
  #isTaken = false

  blocked(socket: Duplex): void {
    this.#untakenBytes = refusedBytes(socket)
    this.#looks = 0
  }

  unblocked(): void {
    this.#isTaken ||= this.#untakenBytes !== null || this.#looks >= LOOKS
  }

  /** Whether there was any since the look before. `socket`: that of the blocked write, null if none is. */
  look(socket: Duplex | null): boolean {
    const isTaken = this.#isTaken
    this.#isTaken = false
    if (socket === null) return isTaken
    this.#looks++
    const before = this.#untakenBytes
    this.#untakenBytes = refusedBytes(socket)
    return isTaken || (before !== null && this.#untakenBytes !== null && this.#untakenBytes < before)
  }
}

function refusedBytes(socket: Duplex): number | null {
  return socket instanceof RelaySocket ? socket.untakenBytes : untakenBytes(socket)
}
