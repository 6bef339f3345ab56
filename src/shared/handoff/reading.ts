import type { Duplex } from 'node:stream'
import { startReading, stopReading, tcpHandleOf } from './handle.ts'

/**
 * Stops reading, so that what the client sends from now on waits in the kernel (for a TLS socket: in
 * its buffer). To be called first in the `upgrade` listener's own tick: bytes read after it would be lost by a
 * hand-off, and a TLS socket would answer a FIN by ending itself. `releaseReading` undoes the former.
 */
export function holdReading(socket: Duplex): void {
  socket.allowHalfOpen = true
  const handle = tcpHandleOf(socket)
  if (handle === undefined) socket.pause()
  else stopReading(handle)
}

/** For a socket that is held and stays on this thread: it flows again, to its 'data' listeners or to nobody. */
export function releaseReading(socket: Duplex): void {
  const handle = tcpHandleOf(socket)
  if (handle !== undefined) startReading(handle)
  socket.resume()
}

/**
 * `head` and what else this thread has read from a TCP `socket`, in order; reading stays held. Other streams go
 * by relay, or stay, and keep their buffer: it follows by itself.
 */
export function drainRead(socket: Duplex, head: Buffer): Buffer {
  const handle = tcpHandleOf(socket)
  if (handle === undefined) return head
  const parts = [head]
  for (let part = readPart(socket); part !== null; part = readPart(socket)) parts.push(part)
  // `read()` starts the handle again when the stream buffer runs low.
  stopReading(handle)
  return parts.length === 1 ? head : Buffer.concat(parts)
}

function readPart(socket: Duplex): Buffer | null {
  return socket.read() as Buffer | null
}
