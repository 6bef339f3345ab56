import type { Behaviour } from './behaviour.ts'

/** Each with the status of a handshake that names it. */
const ORIGINS: readonly (readonly [string, 101 | 403])[] = [
  ['https://app.example.com', 101],
  ['https://APP.Example.COM', 101],
  ['HTTPS://app.example.com', 101],
  ['https://app.example.com:443', 101],
  ['https://app.example.com.', 403],
  ['http://app.example.com', 403],
  ['https://app.example.com:8443', 403],
  ['https://app.example.com.evil.net', 403],
  ['https://evil-app.example.com', 403],
  ['https://app.example.comx', 403],
  ['https://app.example.com@evil.net', 403],
  ['https://evil.net/https://app.example.com', 403],
  ['https://evil.net?https://app.example.com', 403],
  ['https://evil.net#https://app.example.com', 403],
  ['app.example.com', 403],
  ['null', 403],
  // 'https://*.wild.example'
  ['https://a.wild.example', 101],
  ['https://A.Wild.Example', 101],
  ['https://a.wild.example.', 403],
  ['https://a.b.wild.example', 403],
  ['https://wild.example', 403],
  ['https://evilwild.example', 403],
  ['https://evil.net/.wild.example', 403],
  ['https://evil.net:.wild.example', 403],
  ['https://evil.net@a.wild.example', 403],
  ['https://a.wild.example.evil.net', 403],
  ['http://a.wild.example', 403],
  // 'http://localhost:*'
  ['http://localhost:3000', 101],
  ['http://localhost:80', 101],
  ['http://localhost.evil.net:3000', 403],
  ['http://localhost:3000.evil.net', 403],
  // /^https:\/\/re\d\.example$/g, twice: a global expression must not remember its last match
  ['https://re1.example', 101],
  ['https://re1.example', 101],
  ['https://re10.example', 403],
  // a function
  ['https://by-function.example', 101],
]

export const origins: Behaviour = (t, start) => {
  t.test('patterns, expressions, functions and the tricks against them', async (t) => {
    const engine = await start(t, {
      allowOrigins: [
        'https://app.example.com',
        'https://*.wild.example',
        'http://localhost:*',
        /^https:\/\/re\d\.example$/g,
        (origin) => origin === 'https://by-function.example',
      ],
    })
    for (const [origin, expected] of ORIGINS) {
      t.equal(await engine.statusOf({ headers: { Origin: origin } }), expected, origin)
    }
    t.equal(await engine.statusOf({ headers: { Origin: null } }), 101, 'no browser, no origin')
  })

  t.test('requireOrigin refuses who names none', async (t) => {
    const engine = await start(t, { requireOrigin: true, allowOrigins: ['*'] })
    t.equal(await engine.statusOf({ headers: { Origin: null } }), 403)
    t.equal(await engine.statusOf({ headers: { Origin: 'https://anything.example' } }), 101)
    t.same(engine.server.stats().rejected, { total: 1, reasons: { ORIGIN_FORBIDDEN: 1 } })
  })

  t.test("'null' is an origin that can be allowed", async (t) => {
    const engine = await start(t, { allowOrigins: ['null'] })
    t.equal(await engine.statusOf({ headers: { Origin: 'null' } }), 101)
    t.equal(await engine.statusOf({ headers: { Origin: 'https://null' } }), 403)
  })

  t.test('a function that throws refuses that client and raises an error', async (t) => {
    const engine = await start(t, {
      allowOrigins: [
        (origin) => {
          if (origin === 'https://thrower.example') throw new Error('of the application')
          return true
        },
      ],
    })
    const status = await engine.statusOf({ headers: { Origin: 'https://thrower.example' } })
    t.ok(status === 500 || status === 403, `status ${status}`)
    t.equal(engine.journal.errors.length, 1)
    t.equal(await engine.statusOf({ headers: { Origin: 'https://other.example' } }), 101)
  })
}
