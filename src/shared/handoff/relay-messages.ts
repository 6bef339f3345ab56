import type { MessagePort } from 'node:worker_threads'

/** Bytes that may be on their way, or wait unread at the other end, per connection and direction. */
export const RELAY_WINDOW = 256 * 1024

/** The sender writes no more; `Flushed` answers the shard's when the client's stream has taken everything. */
export const HalfClose = 'half-close'
export const Flushed = 'flushed'
/** The connection goes on in another shard: the end of this one is not its end any more. */
export const PassedOn = 'passed-on'

/** Main's last message: the client's stream is closed, by `failure` if not null. */
export interface RelayClosed {
  failure: { readonly message: string; readonly code: string } | null
}

/** Bytes, credit in bytes, or what the stream came to. */
export type RelayMessage = Uint8Array | number | typeof HalfClose | typeof Flushed | typeof PassedOn | RelayClosed

/**
 * Posts a copy: cloning a view would copy its whole underlying buffer (8 KiB for a pooled one) and
 * moving it would empty every other view of it.
 */
export function postBytes(port: MessagePort, bytes: Uint8Array): void {
  const copy = new Uint8Array(bytes.length)
  copy.set(bytes)
  port.postMessage(copy satisfies RelayMessage, [copy.buffer])
}
