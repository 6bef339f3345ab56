import t from 'tap'
import { asHandler, checkHandler, HANDLER_METHODS } from '../../src/shared/as-handler.ts'
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
    t.equal(checkHandler(handler), null)
    t.match(checkHandler({ open: () => {}, [name]: 'no function' }), /^a function or an object with some/)
  }
  class Chat {
    message(): void {}
  }
  const chat = new Chat()
  t.equal(asHandler(chat), chat, 'methods may be inherited')
})

t.test('everything else is none', async (t) => {
  for (const wrong of [undefined, null, 5, 'open', {}, [], { onmessage: () => {} }, { validate: {} }]) {
    t.throws(() => asHandler(wrong), {
      code: 'ARGUMENT_INVALID',
      message: /^handler must be a function or an object with/,
    })
  }
})

t.test('its own validate and onInvalid must mean something', async (t) => {
  const message = (): void => {}
  const validate = { '~standard': { version: 1, vendor: 'test', validate: () => ({}) } }
  for (const right of [
    { message, validate },
    { message, validate, onInvalid: 'close' },
    { message, onInvalid: 'error' },
  ]) {
    t.equal(asHandler(right), right)
  }
  for (const validate of [null, {}, () => true, { validate: () => true }]) {
    t.throws(() => asHandler({ message, validate }), {
      code: 'ARGUMENT_INVALID',
      message: 'handler must be an object whose validate is a schema of Standard Schema v1',
    })
  }
  for (const onInvalid of [null, 'drop', true]) {
    t.throws(() => asHandler({ message, validate, onInvalid }), {
      code: 'ARGUMENT_INVALID',
      message: "handler must be an object whose onInvalid is 'error' or 'close'",
    })
  }
})
