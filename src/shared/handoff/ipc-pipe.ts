import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import {
  detach,
  type HandleClass,
  handleClassFor,
  IPC_TYPE,
  type StreamHandle,
  socketOver,
  type TcpHandle,
} from './handle.ts'

/** Node's request object for one write; `oncomplete` gets 0 or a negative errno. */
export interface WriteRequest {
  oncomplete(status: number): void
}

/** A pipe that carries handles (`SCM_RIGHTS`), as `cluster` uses between processes. */
export interface IpcPipe extends StreamHandle {
  /** The handle that came with the bytes `onread` is called for, else unset. */
  pendingHandle: TcpHandle | null | undefined
  /** `bytes` is undefined when the other end is gone. */
  onread(bytes: ArrayBuffer | undefined): void
  open(descriptor: number): number
  writeUtf8String(request: WriteRequest, text: string, handle: TcpHandle): number
}

/** The connecting end. The pipe is of the right type from birth, so it is the only owner of its descriptor. */
export async function connectIpcPipe(path: string): Promise<IpcPipe> {
  // Connecting to a directory is refused, so this looks at the class and touches nothing.
  const Pipe = handleClassFor<IpcPipe>({ path: '/' })
  if (Pipe === undefined) throw new Error('no pipe handles on this platform')
  const pipe = new Pipe(IPC_TYPE)
  const connector = socketOver(pipe, { readable: false })
  connector.connect({ path })
  await once(connector, 'connect')
  detach(connector)
  connector.destroy()
  pipe.unref()
  return pipe
}

/** The accepting end: a Unix socket in a private directory, for one connection. */
export class IpcListener {
  readonly path: string
  readonly #directory: string
  readonly #server: Server
  #accepted: AcceptedPipe | null = null
  #closed = false

  private constructor(directory: string, onAccepted: (pipe: IpcPipe | null) => void) {
    this.#directory = directory
    this.path = join(directory, 'handoff')
    this.#server = createServer({ pauseOnConnect: true }, (connection) => this.#accept(connection, onAccepted))
    this.#server.unref()
  }

  /**
   * Only this user may enter the directory (mode 700) and it is gone once the shard has connected.
   * `onAccepted` gets null when no connection that can carry handles will come.
   */
  static async listen(onAccepted: (pipe: IpcPipe | null) => void): Promise<IpcListener> {
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

  #accept(connection: Socket, onAccepted: (pipe: IpcPipe | null) => void): void {
    if (this.#closed || this.#accepted !== null) return void connection.destroy()
    this.#accepted = AcceptedPipe.from(connection)
    this.#stopListening()
    onAccepted(this.#accepted?.pipe ?? null)
  }

  #stopListening(): void {
    this.#server.close()
    void rm(this.#directory, { recursive: true, force: true })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#accepted === null) this.#stopListening()
    else this.#accepted.close()
  }
}

/**
 * An accepted pipe is never of IPC type, so its descriptor is opened a second time as one. Both handles would
 * close the same number, and the second close could hit a stranger's descriptor, opened in between by any thread
 * of this process. So the first handle is closed only over a number that is known to be ours: see `closeOver`.
 */
class AcceptedPipe {
  readonly pipe: IpcPipe
  readonly #first: StreamHandle

  private constructor(pipe: IpcPipe, first: StreamHandle) {
    this.pipe = pipe
    this.#first = first
    pipe.unref()
    first.unref()
  }

  static from(connection: Socket): AcceptedPipe | null {
    const first = detach(connection)
    connection.destroy()
    if (first === null) return null
    const Pipe = first.constructor as HandleClass<IpcPipe>
    const pipe = new Pipe(IPC_TYPE)
    if (pipe.open(first.fd) === 0) return new AcceptedPipe(pipe, first)
    first.close()
    pipe.close()
    return null
  }

  close(): void {
    const descriptor = this.#first.fd
    const occupied = occupyUpTo(descriptor)
    this.pipe.close()
    superseded.add(this.#first)
    closeSuperseded()
    release(occupied)
  }
}

/**
 * First handles whose number is not theirs any more and could not be had back yet. Each is some hundred bytes of
 * memory and no descriptor; they are tried again whenever a pipe closes.
 */
const superseded = new Set<StreamHandle>()

function closeSuperseded(): void {
  for (const handle of superseded) if (closeOver(handle)) superseded.delete(handle)
}

const LAST_TRIES = 200
const LAST_TRY_EVERY_MS = 10

/**
 * For a thread that has accepted pipes and ends before the process does: Node closes what is left on it, and a superseded
 * handle would take a stranger's descriptor along. Resolves when none is left, after 2 s at the latest.
 */
export async function endSuperseded(): Promise<void> {
  for (let tries = 0; superseded.size > 0 && tries < LAST_TRIES; tries++) {
    await pause(LAST_TRY_EVERY_MS)
    closeSuperseded()
  }
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
