import { Socket, type SocketConnectOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import { ShardwsError } from '../errors.ts'
import type { ReadInto } from './strategy.ts'

/**
 * The private objects behind a `net.Socket`, as far as hand-off needs them. Undocumented: `probe.ts` finds out
 * whether they still behave as described here before anything relies on them.
 */
export interface StreamHandle {
  readonly fd: number
  /** Bytes that were written and that the kernel has not taken yet. */
  readonly writeQueueSize: number
  reading: boolean
  readStart(): number
  readStop(): number
  unref(): void
  close(closed?: () => void): void
}

export interface TcpHandle extends StreamHandle {
  bind(address: string, port: number): number
}

export type HandleClass<Handle> = new (type: number) => Handle

/** Node's types for the handles: 0 carries bytes, 1 listens, 2 (pipes only) carries handles too. */
export const SOCKET_TYPE = 0
export const IPC_TYPE = 2

interface SocketWithHandle extends Socket {
  _handle: StreamHandle | null
}

/** `socket`'s handle when it is a plain TCP connection that is open; a TLS, Unix or user-made stream has none. */
export function tcpHandleOf(socket: Duplex): TcpHandle | undefined {
  if (!(socket instanceof Socket)) return undefined
  const handle = (socket as SocketWithHandle)._handle
  return handle?.constructor.name === 'TCP' ? (handle as TcpHandle) : undefined
}

/** Bytes that were written and that the kernel has refused so far; null for a stream that is no plain TCP connection. */
export function untakenBytes(socket: Duplex): number | null {
  return tcpHandleOf(socket)?.writeQueueSize ?? null
}

/**
 * Takes the handle out of `socket`, gives it to `consume` and destroys the socket without closing the
 * connection: timers, listeners and the place in its server's connection count go with the socket.
 */
export function surrender(socket: Duplex, consume: (handle: TcpHandle) => void): void {
  const handle = tcpHandleOf(socket)
  if (handle === undefined) throw new ShardwsError('NOT_TRANSFERABLE', 'socket is not an open TCP connection')
  // A pending write would be cut off: its request belongs to this thread's event loop.
  if (socket.writableLength > 0) throw new ShardwsError('NOT_TRANSFERABLE', 'socket has writes pending; await them')
  stopReading(handle)
  // Nagle's delay is off on the descriptor from here on. Where it is off already the socket knows, and makes no system call.
  const owner = socket as SocketWithHandle
  owner.setNoDelay(true)
  detach(owner)
  try {
    consume(handle)
  } catch (cause) {
    owner._handle = handle
    throw new ShardwsError('NOT_TRANSFERABLE', `socket could not be posted: ${cause}`, { cause })
  }
  socket.destroy()
}

/** Without the flag `net.Socket` would believe that it still reads and never start again. */
export function stopReading(handle: StreamHandle): void {
  handle.readStop()
  handle.reading = false
}

/** A stream that believes its read to be pending would never start the handle by itself. */
export function startReading(handle: StreamHandle): void {
  handle.reading = true
  handle.readStart()
}

/** Takes the handle out of `socket`, which then may be destroyed without closing the descriptor. */
export function detach(socket: Socket): StreamHandle | null {
  const owner = socket as SocketWithHandle
  const handle = owner._handle
  owner._handle = null
  return handle
}

/** Builds the shard's socket around `handle`: half-open allowed, reading into the shared buffer if there is one. */
export function wrapTcp(handle: TcpHandle, readInto: ReadInto | null): Socket {
  if (readInto === null) return socketOver(handle, { allowHalfOpen: true })
  const { buffer } = readInto
  const callback = (length: number): boolean => {
    readInto.onRead(buffer.subarray(0, length))
    return true
  }
  return socketOver(handle, { allowHalfOpen: true, onread: { buffer, callback } })
}

interface WrapOptions {
  readonly allowHalfOpen?: boolean
  readonly readable?: boolean
  readonly onread?: { readonly buffer: Buffer; readonly callback: (length: number) => boolean }
}

/** The `handle` option is public in effect (nodejs documents it for `listen` only) but absent from the types. */
export function socketOver(handle: object, options: WrapOptions): Socket {
  return new Socket({ ...options, handle } as ConstructorParameters<typeof Socket>[0])
}

/** `connect()` creates the handle before it does anything else; destroyed in the same tick it connects to nothing. */
export function handleClassFor<Handle extends StreamHandle>(
  target: SocketConnectOpts,
): HandleClass<Handle> | undefined {
  const socket = new Socket()
  socket.on('error', () => {})
  socket.connect(target)
  const handle = (socket as SocketWithHandle)._handle
  socket.destroy()
  return handle?.constructor as HandleClass<Handle> | undefined
}
