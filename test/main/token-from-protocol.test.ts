import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { tokenFromProtocol } from '../../src/main/token-from-protocol.ts'

function offering(header?: string): IncomingMessage {
  return { headers: header === undefined ? {} : { 'sec-websocket-protocol': header } } as IncomingMessage
}

t.test('AU25 the token is what follows the prefix, and leaves the headers', async (t) => {
  const { tokenOf } = tokenFromProtocol('bearer.')
  for (const [header, token, left] of [
    ['chat, bearer.abc', 'abc', 'chat'],
    ['bearer.abc,chat , v2', 'abc', 'chat, v2'],
    ['bearer.abc, bearer.def', 'abc', ''],
    ['bearer.', '', ''],
    ['chat', undefined, 'chat'],
    ['xbearer.abc', undefined, 'xbearer.abc'],
  ] as const) {
    const request = offering(header)
    t.equal(tokenOf(request), token, header)
    t.equal(request.headers['sec-websocket-protocol'], left)
    t.equal(tokenOf(request), token, 'again')
  }
  t.equal(tokenOf(offering()), undefined)
})

t.test('AU25 the one with the token is never chosen', async (t) => {
  const any = tokenFromProtocol('bearer.').handleProtocols
  const some = tokenFromProtocol('bearer.', ['v2', 'chat']).handleProtocols
  t.same([any(['bearer.a', 'v1', 'chat']), some(['bearer.a', 'v1', 'chat', 'v2'])], ['v1', 'chat'])
  t.same([any(['bearer.a']), some(['bearer.a', 'v1']), any([])], [false, false, false])
})

t.test('what is no prefix or protocol is the caller’s mistake', async (t) => {
  const invalid = { code: 'ARGUMENT_INVALID' }
  for (const prefix of ['', 'a b', 1, null]) t.throws(() => tokenFromProtocol(prefix as string), invalid)
  for (const protocols of [[''], ['a b'], [1], ['bearer.x'], ['chat', 'bearer.']])
    t.throws(() => tokenFromProtocol('bearer.', protocols as string[]), invalid)
})
