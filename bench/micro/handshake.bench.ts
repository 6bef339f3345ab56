import { ShardwsError } from '../../src/shared/errors.ts'
import { parseExtensions } from '../../src/shared/protocol/extensions.ts'
import { acceptKey, formatAccepted, formatRefusal, validateUpgrade } from '../../src/shared/protocol/handshake.ts'
import { measure } from './measure.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const LIMITS = { maxHeaderFields: 1000, maxUrlLength: 4096 }
const EXTENSIONS = 'permessage-deflate; client_max_window_bits'

const BARE = [
  'Host',
  'example.com',
  'Upgrade',
  'websocket',
  'Connection',
  'Upgrade',
  'Sec-WebSocket-Key',
  KEY,
  'Sec-WebSocket-Version',
  '13',
]

/** What Chromium sends from a page behind a login. */
const BROWSER = [
  ...BARE,
  'Pragma',
  'no-cache',
  'Cache-Control',
  'no-cache',
  'User-Agent',
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Origin',
  'https://example.com',
  'Accept-Encoding',
  'gzip, deflate, br, zstd',
  'Accept-Language',
  'en-GB,en;q=0.9,de;q=0.8',
  'Cookie',
  `session=${'0123456789abcdef'.repeat(16)}`,
  'Sec-WebSocket-Extensions',
  EXTENSIONS,
  'Sec-WebSocket-Protocol',
  'chat.v2, chat.v1',
]

for (const [name, rawHeaders] of [
  ['5 headers', BARE],
  ['a browser', BROWSER],
  ['200 headers', [...BARE, ...Array.from({ length: 195 }, (_, index) => [`X-Field-${index}`, 'value']).flat()]],
] as const) {
  const head = { method: 'GET', httpVersion: '1.1', url: '/chat?room=general', rawHeaders }
  if (validateUpgrade(head, LIMITS) instanceof ShardwsError) throw new Error(`${name} was refused`)
  measure(`validateUpgrade ${name}`, 1, () => validateUpgrade(head, LIMITS))
}
const repeated = { method: 'GET', httpVersion: '1.1', url: '/', rawHeaders: [...BARE, 'Host', 'example.org'] }
if (!(validateUpgrade(repeated, LIMITS) instanceof ShardwsError)) throw new Error('a repeated Host was accepted')
measure('validateUpgrade refuses a repeated Host', 1, () => validateUpgrade(repeated, LIMITS))
measure('acceptKey', 1, () => acceptKey(KEY))
measure('formatAccepted', 1, () => formatAccepted(KEY, 'chat.v2', 'permessage-deflate'))
measure('formatRefusal 403', 1, () => formatRefusal(403, {}, 'Forbidden'))
measure('parseExtensions', 1, () => parseExtensions(EXTENSIONS))
