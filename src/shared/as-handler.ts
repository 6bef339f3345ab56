import { ShardwsError } from './errors.ts'
import type { Handler, HandlerFunction } from './handler.ts'
import { isMessageSchema } from './message-validation.ts'

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

/**
 * What the value must be to handle connections, null if it is that: a function, or an object with one of the methods at least
 * and, if it has them, a `validate` and an `onInvalid` that mean something.
 */
export function checkHandler(value: unknown): string | null {
  if (typeof value === 'function') return null
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const methods = HANDLER_METHODS.filter((name) => given[name] !== undefined)
  if (methods.length === 0 || methods.some((name) => typeof given[name] !== 'function')) {
    return `a function or an object with some of the functions ${HANDLER_METHODS.join(', ')}`
  }
  const { validate, onInvalid } = given
  if (validate !== undefined && !isMessageSchema(validate))
    return 'an object whose validate is a schema of Standard Schema v1'
  if (onInvalid !== undefined && onInvalid !== 'error' && onInvalid !== 'close') {
    return "an object whose onInvalid is 'error' or 'close'"
  }
  return null
}

/** @throws ShardwsError ARGUMENT_INVALID */
export function asHandler(handler: unknown): Handler {
  const expected = checkHandler(handler)
  if (expected !== null) throw new ShardwsError('ARGUMENT_INVALID', `handler must be ${expected}`)
  if (typeof handler !== 'function') return handler as Handler
  const open = handler as HandlerFunction
  return { open, attach: (socket) => open(socket, socket.request) }
}
