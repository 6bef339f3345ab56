import type { RequestListener, ServerResponse } from 'node:http'
import type { HttpHandler } from '../../main/http-handler.ts'
import { splitTarget } from '../../shared/protocol/handshake.ts'
import type { StaticFiles } from './static-files.ts'

/** Answers plain requests: those to one of the paths by its handler, all others with files, or by saying what is here. */
export function createHttpListener(
  paths: ReadonlyMap<string, HttpHandler>,
  files: StaticFiles | null,
): RequestListener {
  return (request, response) => {
    const { path } = splitTarget(request.url ?? '/')
    const handler = paths.get(path)
    if (handler !== undefined) handler(request, response)
    else if (files === null) answerUpgradeRequired(response)
    else void files.answer(request, response)
  }
}

function answerUpgradeRequired(response: ServerResponse): void {
  const headers = { Upgrade: 'websocket', Connection: 'Upgrade, close', 'Sec-WebSocket-Version': '13' }
  response.writeHead(426, { ...headers, 'Content-Type': 'text/plain' }).end('This is a WebSocket server.\n')
}
