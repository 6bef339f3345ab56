import { ShardwsError } from './errors.ts'
import type { Handler, HandlerFunction } from './handler.ts'

const METHODS = [
  'upgrade',
  'open',
  'message',
  'close',
  'error',
  'drain',
  'ping',
  'pong',
  'canJoin',
  'detach',
  'attach',
] as const

/** @throws ShardwsError ARGUMENT_INVALID */
export function asHandler(handler: unknown): Handler {
  if (typeof handler === 'function') {
    const open = handler as HandlerFunction
    return { open, attach: (socket) => open(socket, socket.request) }
  }
  if (typeof handler !== 'object' || handler === null) throw invalidHandler('a function or an object')
  const given = handler as Record<string, unknown>
  const methods = METHODS.filter((name) => given[name] !== undefined)
  if (methods.length === 0 || methods.some((name) => typeof given[name] !== 'function')) {
    throw invalidHandler(`an object with some of the functions ${METHODS.join(', ')}`)
  }
  return handler
}

function invalidHandler(expected: string): ShardwsError {
  return new ShardwsError('ARGUMENT_INVALID', `handler must be ${expected}`)
}
