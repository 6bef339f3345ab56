import t from 'tap'
import { clientText, clientUrl, escapeControls } from '../../src/main/log-text.ts'

const ESCAPED: readonly (readonly [text: string, escaped: string])[] = [
  ['plain, ümlaut, 日本, 🙂', 'plain, ümlaut, 日本, 🙂'],
  ['a\r\nb', 'a\\u{d}\\u{a}b'],
  ['a\0b\tc', 'a\\u{0}b\\u{9}c'],
  ['\x1b[2Jgone', '\\u{1b}[2Jgone'],
  ['\x7f\x9b', '\\u{7f}\\u{9b}'],
  ['line\u2028paragraph\u2029', 'line\\u{2028}paragraph\\u{2029}'],
  ['admin\u202etxt', 'admin\\u{202e}txt'],
  ['\ud800', '\\u{d800}'],
  ['\u{e0041}', '\\u{e0041}'],
]

for (const [text, escaped] of ESCAPED) {
  t.test(`row 78: ${escaped}`, async (t) => {
    t.equal(escapeControls(text), escaped)
  })
}

const URLS: readonly (readonly [url: string, shown: string])[] = [
  ['/', '/'],
  ['/chat', '/chat'],
  ['/chat?', '/chat?***'],
  ['/chat?token=secret', '/chat?token=***'],
  ['/chat?token=secret&room=7', '/chat?token=***&room=***'],
  ['/chat?token=', '/chat?token=***'],
  ['/chat?secret', '/chat?***'],
  ['/chat?a=secret=secret', '/chat?a=***'],
  ['/chat?a=1?b=secret', '/chat?a=***'],
  ['/chat?=secret', '/chat?=***'],
  ['/chat?a=secret&&b=secret', '/chat?a=***&***&b=***'],
  ['/a\nb?c\n=secret', '/a\\u{a}b?c\\u{a}=***'],
]

for (const [url, shown] of URLS) {
  t.test(`row 78: the url ${JSON.stringify(url)}`, async (t) => {
    t.equal(clientUrl(url), shown)
  })
}

t.test('row 78: what a client has sent is cut off', async (t) => {
  t.equal(clientText('x'.repeat(256)), 'x'.repeat(256))
  t.equal(clientText('x'.repeat(257)), `${'x'.repeat(256)}…`)
  t.ok(clientUrl(`/?${'a=secret&'.repeat(10_000)}`).length <= 257)
  t.ok(clientText('\x1b'.repeat(10_000)).length <= 256 * '\\u{1b}'.length + 1)
})
