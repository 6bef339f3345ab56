import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** For `node:http` and Express as it is; for others give it Node's own request and response. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void

/** A whole answer, which nobody stores. Whoever asked may have been answered meanwhile, by a timeout of the application's. */
export function answer(response: ServerResponse, status: number, headers: OutgoingHttpHeaders, body: string): void {
  if (response.headersSent) return
  const length = Buffer.byteLength(body)
  response.writeHead(status, { 'Cache-Control': 'no-store', ...headers, 'Content-Length': length }).end(body)
}
