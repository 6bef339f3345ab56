import t from 'tap'
import { compileOrigins } from '../../../src/shared/origin.ts'
import { parseExtensions } from '../../../src/shared/protocol/extensions.ts'
import { validateUpgrade } from '../../../src/shared/protocol/handshake.ts'
import { negotiate } from '../../../src/shared/protocol/permessage-deflate.ts'
import { parseSubprotocols } from '../../../src/shared/protocol/subprotocol.ts'
import { parseTokenList } from '../../../src/shared/protocol/tokens.ts'

const KIB = 1024
const SMALL = 4 * KIB
const LARGE = 16 * KIB
/** Four times the text costs about four times the time when every character is read once, sixteen times when it is not. */
const MOST = 8
const ROUNDS = 3
const AT_ONCE = 10

const LIMITS = { maxHeaderFields: 100, maxUrlLength: LARGE }
const POLICY = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 13,
  clientMaxWindowBits: 13,
}

/** What hostile values are made of; the prefix decides which part of a parser reads it. */
const PIECES = [
  'a',
  ' ',
  '\t',
  ',',
  ';',
  '"',
  '\\',
  '=',
  '-',
  'a,',
  ' ,',
  'a;',
  'a;b=1,',
  'a;b="\\1"',
  ';constructor=1',
  ', a',
]
const PREFIXES = ['', 'a;b="', 'a;', 'permessage-deflate;', 'websocket,', 'https://a']

const PLAIN = {
  Host: 'a',
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version': '13',
}
const isOriginAllowed = compileOrigins(['https://*.example', 'https://*-*-*.example', 'http://a.example:*'])

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  parseExtensions,
  parseSubprotocols,
  parseTokenList,
  negotiate: (text) => negotiate(parseExtensions(text) ?? [], POLICY),
  allowOrigins: isOriginAllowed,
  'the request target': (text) =>
    validateUpgrade(
      { method: 'GET', httpVersion: '1.1', url: `/${text}`, rawHeaders: Object.entries(PLAIN).flat() },
      LIMITS,
    ),
  ...Object.fromEntries(
    [...Object.keys(PLAIN), 'Origin', 'Sec-WebSocket-Extensions', 'Sec-WebSocket-Protocol', 'Cookie'].map((name) => [
      name,
      (text: string) =>
        validateUpgrade(
          {
            method: 'GET',
            httpVersion: '1.1',
            url: '/',
            rawHeaders: Object.entries({ ...PLAIN, [name]: text }).flat(),
          },
          LIMITS,
        ),
    ]),
  ),
}

for (const [name, read] of Object.entries(READERS)) {
  t.test(`row 54: ${name}: 16 KiB of anything cost at most ${MOST} times what 4 KiB cost`, async (t) => {
    for (const prefix of PREFIXES) {
      for (const piece of PIECES) {
        const text = prefix + piece.repeat(LARGE / piece.length)
        // A doubtful ratio is measured again: noise passes, a parser that reads twice does not.
        let ratio = Number.POSITIVE_INFINITY
        for (let tries = 0; ratio > MOST && tries < 5; tries++) ratio = ratioOf(read, text)
        if (ratio > MOST) t.fail(`${JSON.stringify(prefix + piece)}…: ${ratio.toFixed(1)} times`)
      }
    }
  })
}

/** Processor time of the large text to that of the small one, the least of several rounds each. */
function ratioOf(read: (text: string) => unknown, text: string): number {
  const [small, large] = [text.slice(0, SMALL), text.slice(0, LARGE)]
  const least = { small: Number.POSITIVE_INFINITY, large: Number.POSITIVE_INFINITY }
  for (let round = 0; round < ROUNDS; round++) {
    least.small = Math.min(
      least.small,
      microseconds(() => read(small)),
    )
    least.large = Math.min(
      least.large,
      microseconds(() => read(large)),
    )
  }
  // What takes no time takes no longer.
  return least.large / Math.max(least.small, 40)
}

function microseconds(work: () => unknown): number {
  const { user, system } = process.cpuUsage()
  for (let count = 0; count < AT_ONCE; count++) work()
  const end = process.cpuUsage({ user, system })
  return end.user + end.system
}
