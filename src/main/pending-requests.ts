import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ErrorCode, ShardwsError } from '../shared/errors.ts'
import { holdReading } from '../shared/handoff/reading.ts'
import { Sweep } from '../shared/sweep.ts'
import { formatAnswer, type RefusalContext, recordRefusal } from './refusal.ts'

const SWEEP_MS = 1000

/** A connection is not silent before it has had this long to say something. */
const SILENT_MS = 250

/** Who keeps the connections of our own servers until their request is complete. */
const keepers = new WeakMap<Duplex, PendingRequests>()

/** Milliseconds since `socket` was accepted, for the first who asks; 0 for a socket of somebody else's server. */
export function endPendingRequest(socket: Duplex): number {
  return keepers.get(socket)?.release(socket) ?? 0
}

/**
 * The connections of our own HTTP server that have not completed a request. Node's own deadlines begin anew with the
 * first byte, and know no limit in number.
 */
export class PendingRequests {
  readonly #context: RefusalContext
  /** When each was accepted; oldest first. */
  readonly #accepted = new Map<Duplex, number>()
  readonly #sweep = new Sweep(SWEEP_MS, (nowMs) => this.#endOverdue(nowMs))

  constructor(server: Server, context: RefusalContext) {
    this.#context = context
    server.on('connection', (socket: Socket) => this.#admit(socket))
  }

  /** Its request is complete, or it has ended. Returns how long that took. */
  release(socket: Duplex): number {
    const acceptedMs = this.#accepted.get(socket)
    if (acceptedMs === undefined) return 0
    const waitedMs = this.#sweep.nowMs - acceptedMs
    this.#accepted.delete(socket)
    keepers.delete(socket)
    if (this.#accepted.size === 0) this.#sweep.stop()
    return waitedMs
  }

  #admit(socket: Socket): void {
    if (this.#accepted.size >= this.#context.options.maxPendingHandshakes) {
      this.#end(this.#leastPromising(), 'TOO_MANY_HANDSHAKES')
    }
    this.#sweep.start()
    this.#accepted.set(socket, this.#sweep.nowMs)
    keepers.set(socket, this)
    socket.once('close', () => this.release(socket))
  }

  #endOverdue(nowMs: number): void {
    for (const [socket, acceptedMs] of this.#accepted) {
      if (nowMs - acceptedMs < this.#context.options.handshakeTimeoutMs) return
      this.#end(socket as Socket, 'REQUEST_TIMEOUT')
    }
  }

  /** The oldest that is silent, or else the oldest: a newcomer is given time to speak. */
  #leastPromising(): Socket {
    const latestMs = this.#sweep.nowMs - SILENT_MS
    let oldest: Socket | undefined
    for (const [socket, acceptedMs] of this.#accepted as Map<Socket, number>) {
      oldest ??= socket
      if (acceptedMs > latestMs) break
      if (socket.bytesRead === 0) return socket
    }
    return oldest as Socket
  }

  #end(socket: Socket, code: ErrorCode): void {
    this.release(socket)
    recordRefusal(this.#context, code)
    // What it sends from now on must not complete its request.
    holdReading(socket)
    const isAnswerable = socket.bytesRead > 0 && socket.bytesWritten === 0
    if (isAnswerable) socket.write(formatAnswer(new ShardwsError(code)))
    socket.destroySoon()
  }
}
