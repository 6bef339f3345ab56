import t from 'tap'
import {
  isFieldValue,
  isToken,
  parseTokenList,
  skipWhitespace,
  tokenEnd,
  trimWhitespace,
} from '../../../src/shared/protocol/tokens.ts'

t.test('RFC 9110 §5.6.2: every character', (t) => {
  const separators = '"(),/:;<=>?@[\\]{}'
  for (let code = 0; code < 0x180; code += 1) {
    const character = String.fromCharCode(code)
    const wanted = code > 0x20 && code < 0x7f && !separators.includes(character)
    if (isToken(character) !== wanted) t.fail('wrong', { code })
  }
  t.notOk(isToken(''))
  t.notOk(isToken('a b'))
  t.ok(isToken("!#$%&'*+-.^_`|~azAZ09"))
  t.equal(tokenEnd('ab;c', 0), 2)
  t.equal(tokenEnd('ab;c', 2), 2)
  t.end()
})

t.test('lists', (t) => {
  const table: [string, string[] | null][] = [
    ['', []],
    ['a', ['a']],
    ['a,b', ['a', 'b']],
    [' \ta \t,\t b ', ['a', 'b']],
    [',a,, b,', ['a', 'b']],
    [',', []],
    ['a b', null],
    ['a;b', null],
    ['a,"b"', null],
    ['a\n', null],
    ['a,b/1', null],
    ['é', null],
    ['a\u00a0', null],
  ]
  for (const [text, wanted] of table) t.same(parseTokenList(text), wanted, JSON.stringify(text))
  t.end()
})

t.test('whitespace is spaces and tabs', (t) => {
  t.equal(trimWhitespace(' \t a b\t '), 'a b')
  t.equal(trimWhitespace('\u00a0a\n'), '\u00a0a\n')
  t.equal(trimWhitespace('  '), '')
  t.equal(skipWhitespace('a  b', 1), 3)
  t.end()
})

t.test('header values', (t) => {
  for (const text of ['', 'plain', 'a\tb', '~ !']) t.ok(isFieldValue(text), JSON.stringify(text))
  for (const text of ['a\r\nb', 'a\n', '\r', '\0', '\x7f', 'é', '\u{1f40e}', '\x1b'])
    t.notOk(isFieldValue(text), JSON.stringify(text))
  t.end()
})

t.test('16 KiB of anything is read in linear time', (t) => {
  for (const text of [' ', ',', 'a', 'a,', ' ,', 'a ', '\t,\t']) {
    const input = text.repeat(16_384 / text.length)
    const begin = process.cpuUsage()
    for (let round = 0; round < 20; round += 1) parseTokenList(input)
    const { user, system } = process.cpuUsage(begin)
    t.ok((user + system) / 20 < 5000, `${JSON.stringify(text)}: ${(user + system) / 20} µs`)
  }
  t.end()
})
