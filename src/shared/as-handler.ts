import { ShardwsError } from './errors.ts'
import type { Handler, HandlerFunction } from './handler.ts'

export const HANDLER_METHODS = [
  'upgrade',
  'open',
  'authenticate',
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

/** Whether it can handle connections: a function, or an object with one of the methods at least. */
export function isHandler(value: unknown): value is Handler | HandlerFunction {
  if (typeof value === 'function') return true
  if (typeof value !== 'object' || value === null) return false
  const given = value as Record<string, unknown>
  const methods = HANDLER_METHODS.filter((name) => given[name] !== undefined)
  return methods.length > 0 && methods.every((name) => typeof given[name] === 'function')
}

/** @throws ShardwsError ARGUMENT_INVALID */
export function asHandler(handler: unknown): Handler {
  if (!isHandler(handler)) {
    const expected = `a function or an object with some of the functions ${HANDLER_METHODS.join(', ')}`
    throw new ShardwsError('ARGUMENT_INVALID', `handler must be ${expected}`)
  }
  if (typeof handler !== 'function') return handler
  return { open: handler, attach: (socket) => handler(socket, socket.request) }
}
