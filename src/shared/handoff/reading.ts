import type { Duplex } from 'node:stream'
import { startReading, stopReading, tcpHandleOf } from './handle.ts'

/**
 * Stops reading, so that what the client sends from now on waits in the kernel. To be called first in the
 * `upgrade` listener's own tick: bytes read after it would be lost by a hand-off. `releaseReading` undoes it.
 */
export function holdReading(socket: Duplex): void {
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

/** `head` and everything else that this thread has read from `socket` already, in order; reading stays held. */
export function drainRead(socket: Duplex, head: Buffer): Buffer {
  const parts = [head]
  for (let part = readPart(socket); part !== null; part = readPart(socket)) parts.push(part)
  // `read()` starts a TCP socket's reading again when the stream buffer runs low.
  holdReading(socket)
  return parts.length === 1 ? head : Buffer.concat(parts)
}

function readPart(socket: Duplex): Buffer | null {
  return socket.read() as Buffer | null
}
