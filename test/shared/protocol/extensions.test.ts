import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Extension, formatExtension, parseExtensions } from '../../../src/shared/protocol/extensions.ts'

function extension(name: string, ...parameters: readonly (string | readonly [string, string])[]): Extension {
  return {
    name,
    parameters: parameters.map((each) =>
      typeof each === 'string' ? { name: each, value: null } : { name: each[0], value: each[1] },
    ),
  }
}

t.test('the grammar', (t) => {
  const table: [string, Extension[] | null][] = [
    ['', []],
    ['a', [extension('a')]],
    ['a, b', [extension('a'), extension('b')]],
    [',a,,b, ,', [extension('a'), extension('b')]],
    ['a;b', [extension('a', 'b')]],
    ['a \t;\t b ; c', [extension('a', 'b', 'c')]],
    ['a;b=1', [extension('a', ['b', '1'])]],
    ['a; b = 1, c', [extension('a', ['b', '1']), extension('c')]],
    ['a;b="1"', [extension('a', ['b', '1'])]],
    ['a;b="\\1\\5"', [extension('a', ['b', '15'])]],
    ['a;b="1" ;c', [extension('a', ['b', '1'], 'c')]],
    ['a;b;b=2;b', [extension('a', 'b', ['b', '2'], 'b')]],
    ['A;B', [extension('A', 'B')]],
    ['a;__proto__=1;constructor', [extension('a', ['__proto__', '1'], 'constructor')]],
    ['__proto__;hasOwnProperty', [extension('__proto__', 'hasOwnProperty')]],
    // RFC 7692 §7.1.3: an offer and its fallback.
    [
      'permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits',
      [
        extension('permessage-deflate', 'client_max_window_bits', ['server_max_window_bits', '10']),
        extension('permessage-deflate', 'client_max_window_bits'),
      ],
    ],
    [',', null],
    [' ', null],
    [';', null],
    [';a', null],
    ['a;', null],
    ['a;;b', null],
    ['a;,b', null],
    ['a;=1', null],
    ['a;b=', null],
    ['a;b=,c', null],
    ['a;b==1', null],
    ['a=1', null],
    ['a b', null],
    ['a;b c', null],
    ['a;b=1 2', null],
    ['a;b=1=2', null],
    ['a;b="', null],
    ['a;b="1', null],
    ['a;b="1\\"', null],
    ['a;b="\\', null],
    ['a;b=""', null],
    ['a;b=" "', null],
    ['a;b="1 2"', null],
    ['a;b="1,2"', null],
    ['a;b="\\""', null],
    ['a;b="1"2', null],
    ['a;b="1""2"', null],
    ['a;"b"', null],
    ['"a"', null],
    ['a;b="é"', null],
    ['é', null],
    ['a\n', null],
    ['a;\u00a0b', null],
    ['a;b=\0', null],
    ['a/b', null],
  ]
  for (const [header, wanted] of table) t.same(parseExtensions(header), wanted, JSON.stringify(header))
  t.end()
})

t.test('nothing a header contains is a property of anything', (t) => {
  parseExtensions('a;__proto__=1;constructor=2, __proto__;polluted=1')
  t.equal(({} as Record<string, unknown>).polluted, undefined)
  t.same(Object.keys(parseExtensions('__proto__;a')![0]!), ['name', 'parameters'])
  t.end()
})

t.test('bounds', (t) => {
  t.equal(parseExtensions(`a;${'b'.repeat(16_382)}`)?.[0]?.parameters[0]?.name.length, 16_382)
  t.equal(parseExtensions(`a;${'b'.repeat(16_383)}`), null, 'one character over 16 KiB')
  t.equal(parseExtensions('a,'.repeat(256))?.length, 256)
  t.equal(parseExtensions('a,'.repeat(257)), null)
  t.equal(parseExtensions(`a${';b=1'.repeat(255)}`)?.[0]?.parameters.length, 255)
  t.equal(parseExtensions(`a${';b=1'.repeat(256)}`), null, 'parameters count as well')
  t.equal(parseExtensions(`${','.repeat(255)}a`)?.length, 1)
  t.equal(parseExtensions(`${','.repeat(256)}a`), null, 'and empty elements')
  t.end()
})

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~09AZaz"
const tokens = fc.string({ unit: fc.constantFrom(...TOKEN_CHARACTERS), minLength: 1, maxLength: 8 })
/** Objects as the parser makes them. */
const PLAIN = { noNullPrototype: true }
const parameter = { name: tokens, value: fc.option(tokens) }
const lists = fc.array(
  fc.record({ name: tokens, parameters: fc.array(fc.record(parameter, PLAIN), { maxLength: 4 }) }, PLAIN),
  { minLength: 1, maxLength: 5 },
)

t.test('property: what is written is read', async () => {
  fc.assert(
    fc.property(lists, fc.constantFrom(',', ', ', ' ,, '), (list, separator) => {
      assert.deepEqual(parseExtensions(list.map(formatExtension).join(separator)), list)
    }),
    { seed: 6455 },
  )
})

t.test('property: quoting or escaping a value changes nothing', async () => {
  fc.assert(
    fc.property(tokens, fc.boolean(), (value, isEscaped) => {
      const text = isEscaped ? value.replaceAll(/./g, '\\$&') : value
      assert.deepEqual(parseExtensions(`a;b="${text}"`), [extension('a', ['b', value])])
    }),
    { seed: 6455 },
  )
})

t.test('property: any text is a list or null', async (t) => {
  const texts = fc.string({ unit: fc.constantFrom('a', ';', ',', '=', '"', '\\', ' ', '\t', 'é', '\0'), maxLength: 30 })
  let lists = 0
  fc.assert(
    fc.property(texts, (text) => {
      const list = parseExtensions(text)
      if (list !== null) lists += 1
      // What was understood is well-formed: it reads the same when written anew.
      if (list !== null && list.length > 0) assert.deepEqual(parseExtensions(list.map(formatExtension).join(',')), list)
    }),
    { seed: 6455, numRuns: 2000 },
  )
  t.ok(lists > 50, `${lists} of 2000 were lists`)
})

t.test('16 KiB of anything costs less than a millisecond', (t) => {
  for (const text of ['a', ',', ' ', ';', 'a,', 'a;', 'a;b=1,', 'a;b="\\1"', '\\', '"', ' ,', '\t;']) {
    for (const prefix of ['', 'a;b="', 'a;b=', 'a;']) {
      const header = (prefix + text.repeat(16_384)).slice(0, 16_384)
      const best = Math.min(...Array.from({ length: 20 }, () => microseconds(() => parseExtensions(header))))
      if (best >= 1000) t.fail(`${JSON.stringify(prefix + text)}: ${best} µs`)
    }
  }
  t.end()
})

function microseconds(work: () => void): number {
  const begin = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(begin)
  return user + system
}
