/**
 * What the client needs of a WebSocket: that of browsers, of Node 22 and later, and of the package ws have it. Each declares its
 * arguments in a way of its own, and all of them take `never`.
 */
export interface PlainSocket {
  /** 1 while it is open: from the close frame of the server to `onclose` it is not. */
  readonly readyState: number
  /** Bytes that were sent and not written yet. */
  readonly bufferedAmount: number
  /** The subprotocol that the server chose, '' without one. */
  readonly protocol: string
  /** The client sets it to 'arraybuffer'. */
  binaryType: string
  /** Called when the connection is open. */
  onopen: ((event: never) => void) | null
  /** Called with an event that has `data`. */
  onmessage: ((event: never) => void) | null
  /** Called before `onclose` when something went wrong. */
  onerror: ((event: never) => void) | null
  /** Called once, with an event that has `code` and `reason`. */
  onclose: ((event: never) => void) | null
  /** Sends text or bytes. */
  send(data: never): void
  /** Begins the closing handshake. */
  close(code?: number, reason?: string): void
}

/** A class of such sockets: the global `WebSocket`, or that of the package `ws`. */
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
