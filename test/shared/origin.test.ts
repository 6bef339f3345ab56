import t from 'tap'
import type { AllowedOrigin } from '../../src/shared/origin.ts'
import { compileOrigins } from '../../src/shared/origin.ts'

const GOOD: AllowedOrigin[] = ['https://good.com']
const SUB: AllowedOrigin[] = ['https://*.good.com']
const LOCAL: AllowedOrigin[] = ['http://localhost:*']

type Row = readonly [why: string, allowed: readonly AllowedOrigin[], origin: string, isAllowed: boolean]

/** Among them the shapes of CVE-2025-24010 and its relatives: what only looks like an allowed origin. */
const ROWS: readonly Row[] = [
  ['nothing is listed', [], 'https://anything.example', true],
  ['everything is listed', ['*'], 'null', true],
  ['everything is listed besides', ['https://good.com', '*'], 'https://evil.com', true],

  ['the origin itself', GOOD, 'https://good.com', true],
  ['another host', GOOD, 'https://evil.com', false],
  ['another scheme', GOOD, 'http://good.com', false],
  ['another port', GOOD, 'https://good.com:8443', false],
  ['the default port of https', GOOD, 'https://good.com:443', true],
  ['the default port of http is not that of https', GOOD, 'https://good.com:80', false],
  ['the default port in the rule', ['http://good.com:80'], 'http://good.com', true],
  ['a port in the rule', ['https://good.com:8443'], 'https://good.com:8443', true],
  ['a port in the rule, none in the origin', ['https://good.com:8443'], 'https://good.com', false],
  ['the longest host', ['https://*.com'], `https://${'a'.repeat(249)}.com`, true],
  ['a host that is too long', ['https://*.com'], `https://${'a'.repeat(250)}.com`, false],
  ['upper case', GOOD, 'HTTPS://GOOD.COM', true],
  ['upper case in the rule', ['HTTPS://Good.Com'], 'https://good.com', true],
  ['a trailing dot: another origin to every browser', GOOD, 'https://good.com.', false],
  ['a trailing dot and a port', GOOD, 'https://good.com.:443', false],
  ['a trailing dot behind a wildcard', SUB, 'https://a.good.com.', false],
  ['a trailing slash in the rule', ['https://good.com/'], 'https://good.com', true],

  ['the origin as a prefix', GOOD, 'https://good.com.evil.com', false],
  ['the origin as a prefix without a dot', GOOD, 'https://good.community', false],
  ['the origin as a suffix', GOOD, 'https://evilgood.com', false],
  ['the origin as a subdomain', GOOD, 'https://good.com.good.evil', false],
  ['a subdomain', GOOD, 'https://a.good.com', false],
  ['the origin as userinfo', GOOD, 'https://good.com@evil.com', false],
  ['userinfo before the origin', GOOD, 'https://evil@good.com', false],
  ['the origin as a user with a password', GOOD, 'https://good.com:443@evil.com', false],
  ['the origin in the path', GOOD, 'https://evil.com/https://good.com', false],
  ['the origin in the query', GOOD, 'https://evil.com?https://good.com', false],
  ['the origin behind a fragment', GOOD, 'https://evil.com#https://good.com', false],
  ['a backslash for a slash', GOOD, 'https:\\\\good.com', false],
  ['a line break', GOOD, 'https://good.com\nhttps://evil.com', false],
  ['spaces around', GOOD, ' https://good.com ', false],
  ['a port that is no number', GOOD, 'https://good.com:443x', false],
  ['null, of sandboxes and files', GOOD, 'null', false],
  ['null, when it is listed', ['null'], 'null', true],
  ['empty', GOOD, '', false],
  ['no scheme', GOOD, 'good.com', false],
  ['punycode is what browsers send', ['https://xn--bcher-kva.example'], 'https://xn--bcher-kva.example', true],
  ['a look-alike in punycode', ['https://apple.com'], 'https://xn--pple-43d.com', false],
  ['a look-alike letter', ['https://apple.com'], 'https://\u0430pple.com', false],
  ['IPv6', ['http://[::1]:3000'], 'http://[::1]:3000', true],
  ['another IPv6', ['http://[::1]:3000'], 'http://[::2]:3000', false],

  ['a wildcard label', SUB, 'https://a.good.com', true],
  ['a wildcard label in upper case', SUB, 'https://A.GOOD.com', true],
  ['a wildcard is one label', SUB, 'https://a.b.good.com', false],
  ['a wildcard is no absent label', SUB, 'https://good.com', false],
  ['a wildcard is no empty label', SUB, 'https://.good.com', false],
  ['a wildcard is no other scheme', SUB, 'http://a.good.com', false],
  ['a wildcard and a suffix', SUB, 'https://a.good.com.evil.com', false],
  ['a wildcard and userinfo', SUB, 'https://evil@a.good.com', false],
  ['a wildcard and a path', SUB, 'https://evil.com/.good.com', false],
  ['a wildcard and a fragment', SUB, 'https://evil#.good.com', false],
  ['a wildcard and a query', SUB, 'https://evil?.good.com', false],
  ['a wildcard and a backslash', SUB, 'https://evil\\.good.com', false],
  ['a wildcard does not reach the port', SUB, 'https://a.good.com:444', false],
  ['a wildcard rule with the default port', ['https://*.good.com:443'], 'https://a.good.com', true],
  ['the dot of a rule is a dot', SUB, 'https://a.goodxcom', false],
  ['a wildcard inside a label', ['https://app-*.good.com'], 'https://app-7.good.com', true],
  ['a wildcard inside a label, none other', ['https://app-*.good.com'], 'https://app-7.x.good.com', false],
  ['a wildcard port', LOCAL, 'http://localhost:5173', true],
  ['a wildcard port is the default one too', LOCAL, 'http://localhost', true],
  ['a wildcard port is no host', LOCAL, 'http://localhost:1.evil.com', false],
  ['a wildcard port and userinfo', LOCAL, 'http://localhost:x@evil.com', false],

  ['an expression', [/^https:\/\/[a-z]+\.good\.com$/], 'https://a.good.com', true],
  ['an expression that does not match', [/^https:\/\/[a-z]+\.good\.com$/], 'https://a.b.good.com', false],
  ['the flags of an expression count', [/^https:\/\/GOOD\.com$/i], 'https://good.com', true],
  ['a sticky expression stays anchored', [/https:\/\/good\.com$/y], 'https://evil.com/https://good.com', false],
  ['a function', [(origin) => origin.endsWith('.good.com')], 'https://a.good.com', true],
  ['a function that refuses', [() => false], 'https://good.com', false],
  ['an expression of the whole seed', [/^https:\/\/.*\.trusted\.com$/], 'https://a.trusted.com', true],
  [
    'an expression of the whole seed and a suffix',
    [/^https:\/\/.*\.trusted\.com$/],
    'https://a.trusted.com.evil',
    false,
  ],
  ['one of several rules', ['https://a.com', /b\.com$/, () => false], 'https://b.com', true],
]

for (const [why, allowed, origin, isAllowed] of ROWS) {
  t.test(`row 13, AU04 AU18: ${isAllowed ? 'allows' : 'refuses'} ${why}`, async (t) => {
    t.equal(compileOrigins(allowed)(origin, 'good.com'), isAllowed, JSON.stringify(origin))
  })
}

/** What `Host` says, and an origin. */
const SAME_ORIGIN: readonly (readonly [host: string, origin: string, isAllowed: boolean])[] = [
  ['good.com', 'https://good.com', true],
  ['good.com', 'http://good.com', true],
  ['Good.COM', 'https://good.com', true],
  ['good.com', 'HTTPS://GOOD.COM', true],
  ['good.com', 'https://good.com:443', true],
  ['good.com:443', 'https://good.com', true],
  ['good.com:80', 'http://good.com', true],
  ['good.com:443', 'http://good.com', false],
  ['good.com:80', 'https://good.com', false],
  ['good.com', 'https://good.com:8443', false],
  ['good.com:8443', 'https://good.com:8443', true],
  ['good.com:8443', 'https://good.com', false],
  ['localhost:3000', 'http://localhost:3000', true],
  ['localhost:3000', 'http://localhost:5173', false],
  ['good.com', 'https://good.com.', false],
  ['good.com.', 'https://good.com', false],
  ['good.com', 'https://a.good.com', false],
  ['a.good.com', 'https://good.com', false],
  ['good.com', 'https://good.com.evil.com', false],
  ['good.com', 'https://evilgood.com', false],
  ['good.com', 'https://good.com@evil.com', false],
  ['good.com', 'https://evil.com@good.com', false],
  ['good.com', 'https://evil.com/good.com', false],
  ['good.com', 'https://evil.com#good.com', false],
  ['good.com', 'null', false],
  ['null', 'null', false],
  ['good.com', '', false],
  ['', '', false],
  ['', 'https://', false],
  ['good.com', 'good.com', false],
  ['good.com', '//good.com', false],
  ['good.com', 'file://good.com', false],
  ['good.com', 'chrome-extension://good.com', false],
  ['*', 'https://evil.com', false],
  ['*.com', 'https://evil.com', false],
  ['good.com:*', 'https://good.com:8443', false],
  ['xn--bcher-kva.example', 'https://xn--bcher-kva.example', true],
  ['b\u00fccher.example', 'https://b\u00fccher.example', false],
  ['[::1]:3000', 'http://[::1]:3000', true],
  ['[::1]:3000', 'http://[::2]:3000', false],
  ['same-origin', 'same-origin', false],
]

for (const [host, origin, isAllowed] of SAME_ORIGIN) {
  t.test(`row 13: 'same-origin' ${isAllowed ? 'allows' : 'refuses'} ${origin} at ${host}`, async (t) => {
    t.equal(compileOrigins(['same-origin'])(origin, host), isAllowed)
    t.equal(compileOrigins(['same-origin', 'https://other.example'])(origin, host), isAllowed, 'beside another rule')
    t.ok(compileOrigins(['same-origin', 'https://other.example'])('https://other.example', host))
  })
}

t.test('an expression with the flag g or y answers the same every time', async (t) => {
  for (const flags of ['g', 'y', 'gy']) {
    const isAllowed = compileOrigins([new RegExp('^https://good\\.com$', flags)])
    t.same(
      [1, 2, 3].map(() => isAllowed('https://good.com')),
      [true, true, true],
      flags,
    )
  }
})

t.test("the caller's expression is not touched", async (t) => {
  const rule = /good/g
  rule.lastIndex = 3
  compileOrigins([rule])('https://good.com')
  t.equal(rule.lastIndex, 3)
})

t.test('a function gets the origin as the client sent it', async (t) => {
  const seen: string[] = []
  compileOrigins([(origin) => seen.push(origin) > 0])('HTTPS://Good.Com.')
  t.same(seen, ['HTTPS://Good.Com.'])
})

t.test('a hostile origin costs no time', async (t) => {
  const isAllowed = compileOrigins(['https://*.*.*.*.good.com'])
  const startedMs = performance.now()
  t.notOk(isAllowed(`https://${'a'.repeat(8000)}.${'b.'.repeat(4000)}evil.com`))
  t.ok(performance.now() - startedMs < 200)
})
