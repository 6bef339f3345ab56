import t from 'tap'
import { asHandler, HANDLER_METHODS, isHandler } from '../../src/shared/as-handler.ts'
import type { Socket } from '../../src/shared/socket.ts'

t.test('a function is the open of a handler, and its attach after a move', async (t) => {
  const calls: unknown[][] = []
  const handler = asHandler((...args: unknown[]) => calls.push(args))
  const socket = { request: { path: '/' } } as unknown as Socket
  handler.open?.(socket, socket.request)
  handler.attach?.(socket, undefined)
  t.same(calls, [
    [socket, socket.request],
    [socket, socket.request],
  ])
})

t.test('an object with any of the methods is a handler, as it is', async (t) => {
  for (const name of HANDLER_METHODS) {
    const handler = { [name]: () => {} }
    t.equal(asHandler(handler), handler, name)
    t.equal(isHandler(handler), true)
    t.equal(isHandler({ open: () => {}, [name]: 'no function' }), false)
  }
  class Chat {
    message(): void {}
  }
  const chat = new Chat()
  t.equal(asHandler(chat), chat, 'methods may be inherited')
})

t.test('everything else is none', async (t) => {
  for (const wrong of [undefined, null, 5, 'open', {}, [], { onmessage: () => {} }, { validate: {} }]) {
    t.equal(isHandler(wrong), false)
    t.throws(() => asHandler(wrong), {
      code: 'ARGUMENT_INVALID',
      message: /^handler must be a function or an object with/,
    })
  }
})
