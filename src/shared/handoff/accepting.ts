import type { Server } from 'node:net'

/** Smaller than any number of connections. 0 is no limit for Node 20. */
const NOBODY = -1

/** Whoever connects while the server does not accept is closed before anything of it is read, and there is a `drop` event. */
export function setAccepting(server: Server, isAccepting: boolean): void {
  server.maxConnections = isAccepting ? Number.POSITIVE_INFINITY : NOBODY
}
