import t from 'tap'
import { parseSubprotocols, selectSubprotocol } from '../../../src/shared/protocol/subprotocol.ts'

t.test('parseSubprotocols', (t) => {
  const table: [string, string[] | null][] = [
    ['chat', ['chat']],
    ['chat, superchat', ['chat', 'superchat']],
    ['v1.json,V1.json', ['v1.json', 'V1.json']],
    ['', null],
    [',', null],
    ['chat, chat', null],
    ['a/b', null],
    ['a b', null],
    ['"a"', null],
    ['a\r\nb', null],
  ]
  for (const [header, wanted] of table) t.same(parseSubprotocols(header), wanted, JSON.stringify(header))
  t.end()
})

t.test('the first name the client offered wins', (t) => {
  t.equal(selectSubprotocol(['a', 'b'], ['b', 'a']), 'a')
  t.equal(selectSubprotocol(['x', 'b'], ['a', 'b']), 'b')
  t.equal(selectSubprotocol(['A'], ['a']), '')
  t.equal(selectSubprotocol([], ['a']), '')
  t.equal(selectSubprotocol(['a'], []), '')
  t.end()
})
