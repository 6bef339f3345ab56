import t from 'tap'
import { WebSocket } from 'ws'
import { parseUrl } from '../../src/client/address.ts'
import { resolveClientOptions, type WebSocketClientOptions } from '../../src/client/client-options.ts'

t.test('defaults', async (t) => {
  const { WebSocket: _, ...rest } = resolveClientOptions({ WebSocket })
  t.same(rest, {
    random: Math.random,
    protocols: [],
    token: undefined,
    json: false,
    session: false,
    maxAttempts: 0,
    connectTimeoutMs: 10_000,
    shouldReconnect: undefined,
    backoff: { base: 500, factor: 2, max: 30_000, jitter: 1 },
    queue: { max: 100, maxBytes: 1024 * 1024, drop: 'oldest' },
  })
})

t.test('what is unknown or out of range is the caller’s mistake, and named', async (t) => {
  for (const [options, code, path] of [
    [{ Backoff: {} }, 'OPTION_UNKNOWN', 'options.Backoff'],
    [{ backoff: { min: 1 } }, 'OPTION_UNKNOWN', 'options.backoff.min'],
    [{ queue: { size: 1 } }, 'OPTION_UNKNOWN', 'options.queue.size'],
    [null, 'OPTION_INVALID', 'options must'],
    [{ session: 1 }, 'OPTION_INVALID', 'options.session'],
    [{ backoff: 5 }, 'OPTION_INVALID', 'options.backoff'],
    [{ backoff: { base: -1 } }, 'OPTION_INVALID', 'options.backoff.base'],
    [{ backoff: { factor: 0.5 } }, 'OPTION_INVALID', 'options.backoff.factor'],
    [{ backoff: { max: 2 ** 31 } }, 'OPTION_INVALID', 'options.backoff.max'],
    [{ backoff: { jitter: 1.1 } }, 'OPTION_INVALID', 'options.backoff.jitter'],
    [{ queue: { max: Number.NaN } }, 'OPTION_INVALID', 'options.queue.max'],
    [{ queue: { drop: 'all' } }, 'OPTION_INVALID', 'options.queue.drop'],
    [{ maxAttempts: -1 }, 'OPTION_INVALID', 'options.maxAttempts'],
    [{ connectTimeoutMs: 2 ** 31 }, 'OPTION_INVALID', 'options.connectTimeoutMs'],
    [{ protocols: 'chat' }, 'OPTION_INVALID', 'options.protocols'],
    [{ token: 'secret' }, 'OPTION_INVALID', 'options.token'],
    [{ token: { query: 'a', protocol: 'b', value: 'secret' } }, 'OPTION_INVALID', 'options.token'],
    [{ json: 1 }, 'OPTION_INVALID', 'options.json'],
    [{ shouldReconnect: true }, 'OPTION_INVALID', 'options.shouldReconnect'],
    [{ random: 1 }, 'OPTION_INVALID', 'options.random'],
    [{ WebSocket: {} }, 'OPTION_INVALID', 'options.WebSocket'],
  ] as const) {
    const given = (options && { WebSocket, ...options }) as unknown as WebSocketClientOptions
    const thrown = t.throws(() => resolveClientOptions(given), { code }) as unknown as Error
    t.ok(thrown.message.startsWith(path), thrown.message)
    t.notMatch(thrown.message, 'secret')
  }
})

t.test('without a WebSocket class the error says where to get one', async (t) => {
  t.intercept(globalThis, 'WebSocket' as never, { value: undefined })
  t.throws(() => resolveClientOptions({}), { code: 'OPTION_INVALID', message: /package ws/ })
})

t.test('URLs: http is ws, a page has relative ones, a fragment is left out', async (t) => {
  t.equal(parseUrl('https://a.example/x?y=1#z').href, 'wss://a.example/x?y=1')
  t.equal(parseUrl(new URL('ws://a.example')).href, 'ws://a.example/')
  for (const url of ['/chat', 'ftp://a.example', '']) t.throws(() => parseUrl(url), { code: 'ARGUMENT_INVALID' })
  t.intercept(globalThis, 'location' as never, { value: { href: 'https://a.example/page/' } })
  t.equal(parseUrl('/chat').href, 'wss://a.example/chat')
})
