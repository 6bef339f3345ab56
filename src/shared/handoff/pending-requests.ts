import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ErrorCode, ShardwsError } from '../errors.ts'
import { Sweep } from '../sweep.ts'
import { holdReading } from './reading.ts'
import { formatAnswer } from './refusal.ts'

const SWEEP_MS = 1000

/** A connection is not silent before it has had this long to say something. */
const SILENT_MS = 250

export interface PendingLimits {
  /** Connections at a time. */
  readonly maxPending: number
  /** Milliseconds from the accepted connection to the complete request. */
  readonly timeoutMs: number
  /** One was ended for a limit. */
  onEnded(code: ErrorCode): void
}

interface Pending {
  readonly acceptedMs: number
  /** What the client can be answered on; null while TLS is not there yet. */
  speaker: Duplex | null
}

/** Who keeps the connections of our own servers until their request is complete. */
const keepers = new WeakMap<Duplex, PendingRequests>()

/** Milliseconds since `socket` was accepted, for the first who asks; 0 for a socket of somebody else's server. */
export function endPendingRequest(socket: Duplex): number {
  return keepers.get(socket)?.release(socket) ?? 0
}

/**
 * The connections of one of our own HTTP servers that have not completed a request. Node's own deadlines begin anew with
 * the first byte, do not exist for a server that never listens, and know no limit in number.
 */
export class PendingRequests {
  readonly #limits: PendingLimits
  /** By the TCP socket; oldest first. */
  readonly #all = new Map<Duplex, Pending>()
  readonly #sweep = new Sweep(SWEEP_MS, (nowMs) => this.#endOverdue(nowMs))

  constructor(limits: PendingLimits) {
    this.#limits = limits
  }

  /** @param speaker See `Pending`: for TLS null, until `secured`. */
  admit(socket: Socket, speaker: Duplex | null = socket): void {
    if (this.#all.size >= this.#limits.maxPending) this.#end(this.#leastPromising(), 'TOO_MANY_HANDSHAKES')
    this.#sweep.start()
    this.#all.set(socket, { acceptedMs: this.#sweep.nowMs, speaker })
    keepers.set(socket, this)
    socket.once('close', () => this.release(socket))
  }

  /** TLS has been agreed on: `speaker` is the stream inside. */
  secured(socket: Duplex, speaker: Duplex): void {
    const pending = this.#all.get(socket)
    if (pending !== undefined) pending.speaker = speaker
  }

  /** Its request is complete, or it has ended. Returns how long that took. */
  release(socket: Duplex): number {
    const pending = this.#all.get(socket)
    if (pending === undefined) return 0
    const waitedMs = this.#sweep.nowMs - pending.acceptedMs
    this.#all.delete(socket)
    keepers.delete(socket)
    if (this.#all.size === 0) this.#sweep.stop()
    return waitedMs
  }

  /** Nobody waits any longer. */
  destroyAll(): void {
    for (const socket of [...this.#all.keys()]) socket.destroy()
  }

  #endOverdue(nowMs: number): void {
    for (const [socket, { acceptedMs }] of this.#all) {
      if (nowMs - acceptedMs < this.#limits.timeoutMs) return
      this.#end(socket as Socket, 'REQUEST_TIMEOUT')
    }
  }

  /** The oldest that is silent, or else the oldest: a newcomer is given time to speak. */
  #leastPromising(): Socket {
    const latestMs = this.#sweep.nowMs - SILENT_MS
    let oldest: Socket | undefined
    for (const [socket, { acceptedMs }] of this.#all as Map<Socket, Pending>) {
      oldest ??= socket
      if (acceptedMs > latestMs) break
      if (socket.bytesRead === 0) return socket
    }
    return oldest as Socket
  }

  #end(socket: Socket, code: ErrorCode): void {
    const speaker = (this.#all.get(socket)?.speaker ?? null) as Socket | null
    this.release(socket)
    this.#limits.onEnded(code)
    if (speaker === null) return void socket.destroy()
    // What it sends from now on must not complete its request.
    holdReading(speaker)
    const isAnswerable = speaker.bytesRead > 0 && speaker.bytesWritten === 0
    if (isAnswerable) speaker.write(formatAnswer(new ShardwsError(code)))
    speaker.destroySoon()
  }
}
