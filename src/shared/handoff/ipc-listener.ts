import { once } from 'node:events'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import { detach, type StreamHandle } from './handle.ts'

/**
 * The accepting end of a pipe that carries handles: a Unix socket in a private directory, for one connection.
 *
 * An accepted connection is never of IPC type, so its number is opened a second time as one, by whichever thread will use
 * it. Both handles would close the same number, and the second close could hit a stranger's descriptor, opened in between
 * by any thread of this process. So the second handle is closed first, and the first one, which stays here, only over a
 * number that is known to be ours: see `AcceptedConnection`. That takes a thread that lives on: Node closes whatever is
 * left on one that ends.
 */
export class IpcListener {
  readonly path: string
  readonly #directory: string
  readonly #server: Server
  #accepted: AcceptedConnection | null = null
  #closed = false

  private constructor(directory: string, onAccepted: (descriptor: number | null) => void) {
    this.#directory = directory
    this.path = join(directory, 'handoff')
    this.#server = createServer({ pauseOnConnect: true }, (connection) => this.#accept(connection, onAccepted))
    this.#server.unref()
  }

  /**
   * Only this user may enter the directory (mode 700) and it is gone once somebody has connected.
   * `onAccepted` gets null when no connection will come.
   */
  static async listen(onAccepted: (descriptor: number | null) => void): Promise<IpcListener> {
    const listener = new IpcListener(await mkdtemp(join(tmpdir(), 'shardws-')), onAccepted)
    try {
      // `exclusive`: in a cluster worker the primary would own the server otherwise.
      listener.#server.listen({ path: listener.path, exclusive: true })
      await once(listener.#server, 'listening')
      listener.#server.on('error', () => onAccepted(null))
    } catch (error) {
      listener.close()
      throw error
    }
    return listener
  }

  #accept(connection: Socket, onAccepted: (descriptor: number | null) => void): void {
    const handle = this.#closed || this.#accepted !== null ? null : detach(connection)
    connection.destroy()
    if (handle === null) return
    this.#accepted = new AcceptedConnection(handle)
    this.#stopListening()
    onAccepted(handle.fd)
  }

  #stopListening(): void {
    this.#server.close()
    void rm(this.#directory, { recursive: true, force: true })
  }

  /** Whoever has opened the descriptor has closed it, and nobody will open it any more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#accepted === null) this.#stopListening()
    else this.#accepted.release()
  }
}

class AcceptedConnection {
  readonly #handle: StreamHandle
  readonly #identity: string | null

  constructor(handle: StreamHandle) {
    this.#handle = handle
    this.#identity = identityOf(handle.fd)
    handle.unref()
  }

  release(): void {
    // Nobody has opened it: the number is still its own.
    if (identityOf(this.#handle.fd) === this.#identity) return this.#handle.close()
    superseded.add(this.#handle)
    closeSuperseded()
  }
}

/** What is open at this number; null for nothing. */
function identityOf(descriptor: number): string | null {
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return null
  }
}

/**
 * Handles whose number is not theirs any more and could not be had back yet. Each is some hundred bytes of
 * memory and no descriptor; they are tried again whenever a pipe closes.
 */
const superseded = new Set<StreamHandle>()

function closeSuperseded(): void {
  for (const handle of superseded) if (closeOver(handle)) superseded.delete(handle)
}

/** Closes `handle` if its number can be given to a descriptor of our own first, which the close then closes. */
function closeOver(handle: StreamHandle): boolean {
  const occupied = occupyUpTo(handle.fd)
  const ours = occupied.at(-1) === handle.fd
  if (ours) {
    occupied.pop()
    handle.close()
  }
  release(occupied)
  return ours
}

/** Enough for the gaps below a number that was the lowest free one when it was handed out. */
const MAX_OCCUPIED = 64

/**
 * Opens descriptors until one is not below `limit`. The kernel hands out the lowest free number, so the last
 * one is `limit` itself unless that is in use.
 */
function occupyUpTo(limit: number): number[] {
  const occupied: number[] = []
  try {
    while (occupied.length < MAX_OCCUPIED && (occupied.at(-1) ?? -1) < limit) occupied.push(openSync(devNull, 'r'))
  } catch {
    // The process is out of descriptors: what was asked for is not to be had now.
  }
  return occupied
}

function release(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) closeSync(descriptor)
}
