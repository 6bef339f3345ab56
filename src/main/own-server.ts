import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { PendingRequests } from './pending-requests.ts'
import type { RefusalContext } from './refusal.ts'

/** Bytes of a request's head; past it Node answers with 431. */
const MAX_HEADER_BYTES = 16 * 1024

/** An HTTP server for WebSocket only: other requests get 426. */
export function createOwnServer(context: RefusalContext): Server {
  // Node's deadlines would begin anew with the first byte of the request; ours is one from accept to 101.
  const server = createServer(
    { headersTimeout: 0, requestTimeout: 0, maxHeaderSize: MAX_HEADER_BYTES },
    answerUpgradeRequired,
  )
  new PendingRequests(server, context)
  return server
}

function answerUpgradeRequired(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { Upgrade: 'websocket', Connection: 'Upgrade, close', 'Sec-WebSocket-Version': '13' }).end()
}
