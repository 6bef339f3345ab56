import type { Duplex } from 'node:stream'
import { copyBytes } from '../src/shared/protocol/copy-bytes.ts'
import { frameHeaderSize, writeFrameHeader } from '../src/shared/protocol/frame-writer.ts'
import { isTls } from './is-tls.ts'
import { type Outbox, Ownership, Piece } from './outbox.ts'
import { WriteProgress } from './write-progress.ts'

/** Past this a queue is written at once instead of at the end of the tick, so the kernel can say that it is full. */
const WRITE_EARLY_BYTES = 256 * 1024

const NOTHING = Buffer.alloc(0)

export interface QueueOwner {
  /** The kernel does not take what was written. */
  onBlocked(): void
  /** The queue has become empty after a blocked write. */
  onDrained(): void
}

/**
 * The output of one connection: everything a tick produces leaves in one write, and while the kernel
 * does not take it, nothing more is given to the socket.
 */
export class SendQueue {
  readonly #outbox: Outbox
  readonly #owner: QueueOwner
  /** Null until it has arrived on this thread. */
  #socket: Duplex | null = null
  #isTls = false
  #tail: Piece | null = null
  #queuedBytes = 0
  /** Bytes of the write that the kernel has not taken yet; 0 = not blocked. */
  #blockedBytes = 0
  /** Null until a write was blocked. */
  #progress: WriteProgress | null = null
  #isScheduled = false
  #isEnding = false
  /** Null unless it is held. */
  #onIdle: (() => void) | null = null
  /** The connection is ending for its slowness: nobody else shall pay for what it holds meanwhile. */
  #isGivenUp = false

  constructor(outbox: Outbox, owner: QueueOwner) {
    this.#outbox = outbox
    this.#owner = owner
  }

  attach(socket: Duplex): void {
    this.#hold(-this.#queuedBytes)
    this.#socket = socket
    this.#isTls = isTls(socket)
    this.#write(socket)
    // Until now it counted as blocked.
    if (!this.isBlocked && !socket.destroyed) this.#owner.onDrained()
  }

  /** What has not been given to the socket, in order; owns its memory. */
  unsent(): Uint8Array {
    const unsent = new Uint8Array(this.#queuedBytes)
    let at = 0
    for (const part of this.#tail?.parts() ?? []) {
      unsent.set(part, at)
      at += part.length
    }
    return unsent
  }

  /** Forgets what has not been given to the socket and the socket itself, which goes on elsewhere. */
  detach(): void {
    this.release()
    this.#socket = null
  }

  get bufferedBytes(): number {
    return this.#queuedBytes + this.#blockedBytes
  }

  /** Whether what is appended has to wait. */
  get isBlocked(): boolean {
    return this.#blockedBytes > 0 || this.#socket === null
  }

  /** Whether the kernel does not take what was written: anything else that waits here waits for us. */
  get isRefused(): boolean {
    return this.#blockedBytes > 0
  }

  /** Whether the kernel has taken something that it had refused, since this was last asked. */
  hasAdvanced(): boolean {
    return this.#progress?.look(this.isRefused ? this.#socket : null) ?? false
  }

  /** Whether nothing is given to the socket now. */
  get #mustWait(): boolean {
    return this.isBlocked || this.#onIdle !== null
  }

  /** Copies `payload`. */
  append(firstByte: number, payload: Uint8Array, frameBytes: number): void {
    if (frameBytes >= WRITE_EARLY_BYTES && this.#drain()) {
      this.#writeSlices(firstByte, payload)
      return
    }
    this.#tail = this.#outbox.append(this.#tail, firstByte, payload, this.#mustWait)
    this.#appended(frameBytes)
  }

  /** `payloadBytes`: those of the text in UTF-8. */
  appendText(firstByte: number, text: string, payloadBytes: number): void {
    this.#tail = this.#outbox.appendText(this.#tail, firstByte, text, payloadBytes, this.#mustWait)
    this.#appended(frameHeaderSize(payloadBytes) + payloadBytes)
  }

  /** `frame` is not copied. */
  appendShared(frame: Buffer): void {
    this.#tail = this.#outbox.appendShared(this.#tail, frame)
    this.#appended(frame.length)
  }

  /** The same for a frame that is nobody else's: its memory is used again once it is written. */
  appendOwn(frame: Buffer): void {
    this.#tail = new Piece(this.#tail, frame, 0, frame.length, Ownership.OWN)
    this.#appended(frame.length)
  }

  /** Half-closes the socket once everything queued has been written. */
  end(): void {
    this.#isEnding = true
    this.write()
  }

  /** Forgets what has not been given to the socket yet. Whatever is still on its way no longer counts as held. */
  discard(): void {
    if (this.#mustWait) this.#hold(-this.#queuedBytes - this.#blockedBytes)
    this.#isGivenUp = true
    this.#tail = null
    this.#queuedBytes = 0
  }

  /** The socket is gone: nothing of this queue is held any more. */
  release(): void {
    this.discard()
    this.#blockedBytes = 0
  }

  /**
   * Nothing more is given to the socket until `resume`. `onIdle` is called when the kernel has taken what was given before:
   * at once if it has.
   */
  hold(onIdle: () => void): void {
    if (!this.isBlocked) {
      this.#hold(this.#queuedBytes)
      this.#outbox.keepBlocks()
    }
    this.#onIdle = onIdle
    if (!this.isBlocked) onIdle()
  }

  resume(): void {
    if (this.#onIdle === null) return
    this.#onIdle = null
    if (this.#socket === null || this.isBlocked) return
    this.#hold(-this.#queuedBytes)
    this.#write(this.#socket)
    if (!this.isBlocked) this.#owner.onDrained()
  }

  /** By the outbox, at the end of the tick. */
  flushScheduled(): void {
    this.#isScheduled = false
    this.write()
  }

  /** Unless the kernel has not taken the last write yet. */
  write(): void {
    if (this.#socket !== null && !this.#mustWait) this.#write(this.#socket)
  }

  #appended(bytes: number): void {
    this.#queuedBytes += bytes
    if (this.#mustWait) {
      this.#hold(bytes)
      return
    }
    if (this.#queuedBytes >= WRITE_EARLY_BYTES) {
      this.write()
      return
    }
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#outbox.schedule(this)
  }

  #write(socket: Duplex): void {
    const written = this.#tail
    if (written !== null) {
      const parts = written.parts()
      this.#tail = null
      this.#queuedBytes = 0
      if (socket.destroyed) return
      this.#outbox.count(parts)
      if (this.#isTls) {
        this.#writeToTls(socket, parts)
        return
      }
      writeAll(socket, parts)
    }
    if (socket.writableLength > 0) return this.#waitForKernel(socket, written)
    if (written !== null) this.#outbox.onTaken(written)
    if (this.#isEnding && !socket.writableEnded) socket.end()
  }

  /** Writes what is queued. Returns whether the kernel takes more. */
  #drain(): boolean {
    this.write()
    return this.#socket !== null && !this.#socket.destroyed && !this.#mustWait && !this.#isTls
  }

  /**
   * Writes a frame as far as the kernel takes it at once, through one buffer that the cache holds: to copy all of it to memory
   * of its own first costs more than the writes. What the kernel does not take waits, in such memory.
   */
  #writeSlices(firstByte: number, payload: Uint8Array): void {
    const socket = this.#socket as Duplex
    let start = writeFrameHeader(this.#outbox.slice, 0, firstByte, payload.length)
    for (let taken = 0; taken < payload.length; start = 0) {
      const { slice } = this.#outbox
      const part = payload.subarray(taken, taken + slice.length - start)
      copyBytes(part, slice, start)
      taken += part.length
      const bytes = slice.subarray(0, start + part.length)
      this.#outbox.count([bytes])
      socket.write(bytes)
      if (socket.writableLength === 0) continue
      this.#outbox.keepSlice()
      // Before anybody hears of it: an answer to that belongs behind this frame.
      this.#keep(payload.subarray(taken))
      this.#waitForKernel(socket, null)
      return
    }
  }

  /** The end of a frame whose beginning has been written. */
  #keep(rest: Uint8Array): void {
    if (rest.length === 0) return
    this.#tail = new Piece(null, Buffer.from(rest), 0, rest.length, Ownership.SHARED)
    this.#queuedBytes = rest.length
    this.#hold(rest.length)
  }

  /** TLS takes every write, and says so in a later tick at the earliest: the blocks of this one need not be kept for it. */
  #writeToTls(socket: Duplex, parts: readonly Buffer[]): void {
    writeAll(socket, this.#outbox.lasting(parts), () => this.#unblock(socket))
    this.#block(socket, socket.writableLength)
  }

  /** The kernel has not taken all of what was written. */
  #waitForKernel(socket: Duplex, written: Piece | null): void {
    this.#outbox.keepBlocks()
    // 'drain' is not emitted below the stream's own high-water mark, and a callback on every write would
    // cost a tick each: only a blocked socket gets one, on an empty write behind the others.
    const { writableLength } = socket
    socket.write(NOTHING, (error) => {
      if (written !== null && !error) this.#outbox.onTaken(written)
      this.#unblock(socket)
    })
    this.#block(socket, writableLength)
  }

  #block(socket: Duplex, bytes: number): void {
    this.#blockedBytes = bytes
    this.#progress ??= new WriteProgress()
    this.#progress.blocked(socket)
    this.#hold(bytes)
    this.#owner.onBlocked()
  }

  #hold(bytes: number): void {
    if (!this.#isGivenUp) this.#outbox.hold(bytes)
  }

  #unblock(socket: Duplex): void {
    // A write that fails is reported here too; the socket's end is not an empty queue.
    if (this.#blockedBytes === 0 || socket.destroyed) return
    this.#progress?.unblocked()
    if (this.#onIdle !== null) {
      this.#hold(-this.#blockedBytes)
      this.#blockedBytes = 0
      this.#onIdle()
      return
    }
    this.#hold(-this.#blockedBytes - this.#queuedBytes)
    this.#blockedBytes = 0
    this.#write(socket)
    if (!this.isBlocked) this.#owner.onDrained()
  }
}

/** `onTaken` is called with the last part. */
function writeAll(socket: Duplex, parts: readonly Buffer[], onTaken?: () => void): void {
  const last = parts.length - 1
  if (last > 0) socket.cork()
  for (let at = 0; at < last; at++) socket.write(parts[at])
  socket.write(parts[last], onTaken)
  if (last > 0) socket.uncork()
}
