import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { parseExtensions } from '../../../src/shared/protocol/extensions.ts'
import {
  type Agreement,
  acceptAnswer,
  type DeflatePolicy,
  formatAgreement,
  formatOffer,
  keepsContext,
  negotiate,
  withoutTakeover,
} from '../../../src/shared/protocol/permessage-deflate.ts'

/** Takes whatever comes. */
const OPEN: DeflatePolicy = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
}
/** Keeps nothing and saves memory. */
const THRIFTY: DeflatePolicy = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 13,
  clientMaxWindowBits: 12,
}

const P = 'permessage-deflate'
const THRIFTY_ANSWER = `${P}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=13`

/** The offers, what an open server answers, what a thrifty one does; null: no compression. */
const TABLE: [offers: string, open: string | null, thrifty: string | null][] = [
  ['', null, null],
  ['x-webkit-deflate-frame', null, null],
  ['PerMessage-Deflate', null, null],
  ['permessage-deflate2', null, null],
  [P, P, THRIFTY_ANSWER],
  [`${P}; client_max_window_bits`, P, `${THRIFTY_ANSWER}; client_max_window_bits=12`],
  [`x, ${P}`, P, THRIFTY_ANSWER],
  [`${P}; server_no_context_takeover`, `${P}; server_no_context_takeover`, THRIFTY_ANSWER],
  [`${P}; client_no_context_takeover`, `${P}; client_no_context_takeover`, THRIFTY_ANSWER],
  [
    `${P}; client_no_context_takeover; server_no_context_takeover`,
    `${P}; server_no_context_takeover; client_no_context_takeover`,
    THRIFTY_ANSWER,
  ],
  // Window bits of the server.
  [`${P}; server_max_window_bits=15`, P, THRIFTY_ANSWER],
  [`${P}; server_max_window_bits=14`, `${P}; server_max_window_bits=14`, THRIFTY_ANSWER],
  [`${P}; server_max_window_bits=12`, `${P}; server_max_window_bits=12`, THRIFTY_ANSWER.replace('13', '12')],
  [`${P}; server_max_window_bits=9`, `${P}; server_max_window_bits=9`, THRIFTY_ANSWER.replace('13', '9')],
  [`${P}; server_max_window_bits="9"`, `${P}; server_max_window_bits=9`, THRIFTY_ANSWER.replace('13', '9')],
  // zlib cannot keep to 256 bytes.
  [`${P}; server_max_window_bits=8`, null, null],
  [`${P}; server_max_window_bits=8, ${P}`, P, THRIFTY_ANSWER],
  // Window bits of the client.
  [`${P}; client_max_window_bits=15`, P, `${THRIFTY_ANSWER}; client_max_window_bits=12`],
  [
    `${P}; client_max_window_bits=14`,
    `${P}; client_max_window_bits=14`,
    `${THRIFTY_ANSWER}; client_max_window_bits=12`,
  ],
  [`${P}; client_max_window_bits=9`, `${P}; client_max_window_bits=9`, `${THRIFTY_ANSWER}; client_max_window_bits=9`],
  [`${P}; client_max_window_bits=8`, `${P}; client_max_window_bits=8`, `${THRIFTY_ANSWER}; client_max_window_bits=8`],
  // Several offers: the first acceptable one counts.
  [`${P}; server_max_window_bits=10, ${P}`, `${P}; server_max_window_bits=10`, THRIFTY_ANSWER.replace('13', '10')],
  [`${P}; unknown, ${P}`, P, THRIFTY_ANSWER],
  [`${P}; unknown, ${P}; server_max_window_bits=7`, null, null],
  [`${P}, ${P}; server_no_context_takeover`, P, THRIFTY_ANSWER],
  [`${P}; x, `.repeat(100) + P, P, THRIFTY_ANSWER],
  // Autobahn 13.
  [
    `${P}; client_no_context_takeover; client_max_window_bits; server_no_context_takeover; server_max_window_bits=9`,
    `${P}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9`,
    `${THRIFTY_ANSWER.replace('13', '9')}; client_max_window_bits=12`,
  ],
]

/** Parameters that spoil an offer, whatever the policy. */
const SPOILING = [
  ...[
    '7',
    '16',
    '0',
    '08',
    '09',
    '015',
    '+9',
    '-9',
    '1',
    '99',
    '1e1',
    '9.0',
    '0x9',
    '0b1001',
    'abc',
    'NaN',
    'Infinity',
  ].flatMap((value) => [`server_max_window_bits=${value}`, `client_max_window_bits=${value}`]),
  'server_max_window_bits',
  'server_no_context_takeover=1',
  'server_no_context_takeover=true',
  'server_no_context_takeover="0"',
  'client_no_context_takeover=1',
  'client_no_context_takeover=false',
  'server_no_context_takeover; server_no_context_takeover',
  'client_no_context_takeover; client_no_context_takeover',
  'server_max_window_bits=10; server_max_window_bits=10',
  'server_max_window_bits=10; server_max_window_bits=11',
  'client_max_window_bits; client_max_window_bits',
  'client_max_window_bits; client_max_window_bits=10',
  'Server_No_Context_Takeover',
  'SERVER_MAX_WINDOW_BITS=10',
  'unknown',
  'unknown=1',
  '__proto__',
  '__proto__=10',
  'constructor',
  'toString=1',
  'serverMaxWindowBits=10',
  'server_max_window_bits=10; unknown',
]

function answer(offers: string, policy: DeflatePolicy): string | null {
  const agreement = negotiate(parseExtensions(offers)!, policy)
  return agreement && formatAgreement(agreement)
}

t.test('what is answered', (t) => {
  for (const [offers, open, thrifty] of TABLE) {
    t.equal(answer(offers, OPEN), open, `open: ${offers}`)
    t.equal(answer(offers, THRIFTY), thrifty, `thrifty: ${offers}`)
  }
  t.ok(TABLE.length + SPOILING.length >= 80, 'eighty rows')
  t.end()
})

t.test('an offer that cannot be understood is declined, and the next one is looked at', (t) => {
  for (const parameters of SPOILING) {
    t.equal(answer(`${P}; ${parameters}`, OPEN), null, parameters)
    t.equal(answer(`${P}; ${parameters}, ${P}; server_max_window_bits=11`, OPEN), `${P}; server_max_window_bits=11`)
  }
  t.end()
})

t.test('the agreement says what both ends do', (t) => {
  t.same(negotiate(parseExtensions(P)!, OPEN), OPEN)
  t.same(negotiate(parseExtensions(P)!, THRIFTY), { ...THRIFTY, clientMaxWindowBits: 15 }, 'this client cannot be told')
  t.same(negotiate(parseExtensions(`${P}; client_max_window_bits`)!, THRIFTY), THRIFTY)
  t.end()
})

t.test('a context is kept unless both ends keep none', (t) => {
  t.equal(keepsContext(OPEN), true)
  t.equal(keepsContext({ ...OPEN, serverNoContextTakeover: true }), true)
  t.equal(keepsContext({ ...OPEN, clientNoContextTakeover: true }), true)
  t.equal(keepsContext(withoutTakeover(OPEN)), false)
  t.same(withoutTakeover(OPEN), { ...OPEN, serverNoContextTakeover: true, clientNoContextTakeover: true })
  t.end()
})

const bits = fc.integer({ min: 9, max: 15 })
const policies: fc.Arbitrary<DeflatePolicy> = fc.record({
  serverNoContextTakeover: fc.boolean(),
  clientNoContextTakeover: fc.boolean(),
  serverMaxWindowBits: bits,
  clientMaxWindowBits: bits,
})

t.test('property: our two ends agree, and never beyond what either wants', async () => {
  fc.assert(
    fc.property(policies, policies, (client, server) => {
      const agreement = negotiate(parseExtensions(formatOffer(client))!, server) as Agreement
      assert.deepEqual(acceptAnswer(parseExtensions(formatAgreement(agreement))!, client), agreement)
      for (const policy of [client, server]) {
        assert.ok(agreement.serverMaxWindowBits <= policy.serverMaxWindowBits)
        assert.ok(agreement.clientMaxWindowBits <= policy.clientMaxWindowBits)
        assert.ok(agreement.serverNoContextTakeover || !policy.serverNoContextTakeover)
        assert.ok(agreement.clientNoContextTakeover || !policy.clientNoContextTakeover)
      }
    }),
    { seed: 7692 },
  )
})

t.test('property: whatever is offered, what is agreed on is within the policy and can be answered', async () => {
  const name = fc.constantFrom(
    'server_no_context_takeover',
    'client_no_context_takeover',
    'server_max_window_bits',
    'client_max_window_bits',
    '__proto__',
  )
  const value = fc.constantFrom('', '=8', '=9', '=10', '="12"', '=15', '=16', '=0', '=010', '=1e1', '=x')
  const parameters = fc.array(
    fc.tuple(name, value).map(([name, value]) => `; ${name}${value}`),
    { maxLength: 4 },
  )
  const offer = fc.tuple(fc.constantFrom(P, P, 'x'), parameters).map(([name, list]) => name + list.join(''))
  let agreements = 0
  fc.assert(
    fc.property(fc.array(offer, { maxLength: 4 }), policies, (offers, policy) => {
      const agreement = negotiate(parseExtensions(offers.join(', '))!, policy)
      if (agreement === null) return
      agreements += 1
      const { serverMaxWindowBits, clientMaxWindowBits } = agreement
      assert.ok(serverMaxWindowBits >= 9 && serverMaxWindowBits <= policy.serverMaxWindowBits)
      assert.ok(clientMaxWindowBits >= 8 && clientMaxWindowBits <= 15)
      assert.ok(agreement.serverNoContextTakeover || !policy.serverNoContextTakeover)
      assert.ok(agreement.clientNoContextTakeover || !policy.clientNoContextTakeover)
      assert.equal(parseExtensions(formatAgreement(agreement))?.length, 1)
    }),
    { seed: 7692, numRuns: 2000 },
  )
  assert.ok(agreements > 500, `${agreements} agreements`)
})

t.test('RFC 7692 §7.1.2.2: a client that cannot be told its window is not told', async () => {
  fc.assert(
    fc.property(policies, fc.boolean(), (policy, isFull) => {
      const offer = isFull ? `${P}; server_no_context_takeover; server_max_window_bits=15` : P
      assert.doesNotMatch(answer(offer, policy)!, /client_max_window_bits/)
    }),
  )
})

t.test('the offer of a client', (t) => {
  t.equal(formatOffer(OPEN), `${P}; client_max_window_bits`)
  t.equal(formatOffer(THRIFTY), `${THRIFTY_ANSWER}; client_max_window_bits=12`)
  t.end()
})

t.test('answers a client refuses', (t) => {
  const refused: [answer: string, policy: DeflatePolicy][] = [
    ['', OPEN],
    ['x', OPEN],
    [`${P}, x`, OPEN],
    [`${P}, ${P}`, OPEN],
    [`${P}; client_max_window_bits`, OPEN],
    [`${P}; client_max_window_bits=8`, OPEN],
    [`${P}; client_max_window_bits=13`, THRIFTY],
    [P, { ...OPEN, serverNoContextTakeover: true }],
    [P, { ...OPEN, serverMaxWindowBits: 14 }],
    [`${P}; server_max_window_bits=15`, { ...OPEN, serverMaxWindowBits: 14 }],
    ...SPOILING.map((parameters): [string, DeflatePolicy] => [`${P}; ${parameters}`, OPEN]),
  ]
  for (const [text, policy] of refused) t.equal(acceptAnswer(parseExtensions(text)!, policy), null, text)
  t.end()
})

t.test('answers a client takes', (t) => {
  const taken: [answer: string, wanted: Partial<Agreement>][] = [
    [P, {}],
    [`${P}; server_no_context_takeover`, { serverNoContextTakeover: true }],
    [`${P}; client_no_context_takeover`, { clientNoContextTakeover: true }],
    [`${P}; server_max_window_bits=8`, { serverMaxWindowBits: 8 }],
    [`${P}; client_max_window_bits=9`, { clientMaxWindowBits: 9 }],
  ]
  for (const [text, wanted] of taken) t.same(acceptAnswer(parseExtensions(text)!, OPEN), { ...OPEN, ...wanted }, text)
  t.end()
})
