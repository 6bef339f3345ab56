/** What a server of `createServer` speaks. */
export const ServerProtocol = {
  /** HTTP and WebSocket on one port; needs Express. */
  HTTP: 'http',
  /** WebSocket only: other requests are answered with 426. */
  WEBSOCKET: 'websocket',
} as const

export type ServerProtocol = (typeof ServerProtocol)[keyof typeof ServerProtocol]
