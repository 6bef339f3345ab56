import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { parseSubprotocols, selectSubprotocol } from '../../../src/shared/protocol/subprotocol.ts'
import { isToken } from '../../../src/shared/protocol/tokens.ts'

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

const names = fc.string({ unit: fc.constantFrom(...'aB3!#.-_~'), minLength: 1, maxLength: 6 })
const nameLists = fc.uniqueArray(names, { minLength: 1, maxLength: 8 })

t.test('property: what is offered is read, and the first supported name is chosen', async () => {
  fc.assert(
    fc.property(nameLists, nameLists, fc.constantFrom(',', ', ', ' , ', ',,\t,'), (offered, supported, separator) => {
      assert.deepEqual(parseSubprotocols(` ${offered.join(separator)} `), offered)
      const chosen = selectSubprotocol(offered, supported)
      const both = offered.filter((name) => supported.includes(name))
      assert.equal(chosen, both[0] ?? '')
    }),
    { seed: 6455, numRuns: 500 },
  )
})

t.test('property: any text is a list of different tokens, or null', async () => {
  const texts = fc.string({
    unit: fc.constantFrom('a', 'b', ',', ' ', '\t', '"', ';', '/', 'é', '\0', '\r\n'),
    maxLength: 20,
  })
  let lists = 0
  fc.assert(
    fc.property(texts, (text) => {
      const list = parseSubprotocols(text)
      if (list === null) return
      lists += 1
      assert.ok(list.length > 0 && list.every(isToken))
      assert.equal(new Set(list).size, list.length)
      assert.deepEqual(list, text.split(/[, \t]+/).filter(Boolean))
    }),
    { seed: 6455, numRuns: 3000 },
  )
  assert.ok(lists > 100, `${lists} lists`)
})
