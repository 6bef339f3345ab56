import type { IncomingMessage, ServerResponse } from 'node:http'

/** Bytes of a request's head; past it Node answers with 431. */
const MAX_HEADER_BYTES = 16 * 1024

/** Node's deadlines would begin anew with the first byte of the request; ours is one from accept to 101. */
export const UPGRADE_ONLY = { headersTimeout: 0, requestTimeout: 0, maxHeaderSize: MAX_HEADER_BYTES } as const

/** What an HTTP server for WebSocket only says to other requests. */
export function answerUpgradeRequired(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { Upgrade: 'websocket', Connection: 'Upgrade, close', 'Sec-WebSocket-Version': '13' }).end()
}
