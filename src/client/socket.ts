/**
 * What the client needs of a WebSocket: that of browsers, of Node 22 and later, and of the package ws have it. Each declares its
 * arguments in a way of its own, and all of them take `never`.
 */
export interface PlainSocket {
  readonly bufferedAmount: number
  readonly protocol: string
  binaryType: string
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  send(data: never): void
  close(code?: number, reason?: string): void
}

export type PlainSocketClass = new (url: string, protocols: string[]) => PlainSocket

/** The parts of the standard events that are read. */
export interface PlainMessageEvent {
  readonly data: unknown
}

export interface PlainCloseEvent {
  readonly code: number
  readonly reason: string
}

/** Browsers say nothing about an error; the others do. */
export interface PlainErrorEvent {
  readonly message?: unknown
  readonly error?: unknown
}
