import type { WebSocketServer } from '../../facades/websocket-server.ts'
import type { Logger } from '../../main/logger.ts'
import { SampledLog } from '../../main/sampled-log.ts'
import { ERRORS } from '../../shared/errors.ts'

/** Logs what the handler throws, in one line with its place; what peers do wrong is nothing to wake anybody for. */
export function logHandlerErrors(webSocket: WebSocketServer, logger: Logger): void {
  const log = new SampledLog(logger, 'error', 'errors of the handler')
  webSocket.on('error', (id, error) => {
    const { code = '', message, stack = '' } = error as NodeJS.ErrnoException
    if (Object.hasOwn(ERRORS, code)) logger.debug({ id, code, error: message }, 'error')
    else log.write({ id, error: message, at: placeOf(stack) }, 'the handler failed')
  })
}

/** The first line of the stack that is a file's. */
function placeOf(stack: string): string | undefined {
  return /^\s+at .*?((?:file:|\/)\S+:\d+:\d+)/m.exec(stack)?.[1]
}
