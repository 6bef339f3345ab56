import type { Duplex } from 'node:stream'

/** Whether `socket` is a `TLSSocket`. Not by its class: `node:tls` is not loaded where nobody needs it. */
export function isTls(socket: Duplex): boolean {
  return (socket as { encrypted?: boolean }).encrypted === true
}
