import assert from 'node:assert/strict'
import { createDeflateRaw, createInflateRaw } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { type Extension, formatExtension, parseExtensions } from '../../../src/shared/protocol/extensions.ts'
import {
  type Agreement,
  type DeflatePolicy,
  formatAgreement,
  negotiate,
} from '../../../src/shared/protocol/permessage-deflate.ts'

const NAME = 'permessage-deflate'

const bits = fc.integer({ min: 9, max: 15 })
const policies: fc.Arbitrary<DeflatePolicy> = fc.record({
  serverNoContextTakeover: fc.boolean(),
  clientNoContextTakeover: fc.boolean(),
  serverMaxWindowBits: bits,
  clientMaxWindowBits: bits,
})

const flags = fc.constantFrom('server_no_context_takeover', 'client_no_context_takeover')
const windows = fc.constantFrom('server_max_window_bits', 'client_max_window_bits')
/** More right ones than wrong ones, so that most offers get far. */
const sizes = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 8, max: 15 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('0', '7', '16', 'abc', '08', '015', '1e1', '-9', '9.5', '99999999999') },
)
const parameters = fc.oneof(
  { weight: 4, arbitrary: flags.map((name) => ({ name, value: null })) },
  { weight: 8, arbitrary: fc.record({ name: windows, value: fc.option(sizes, { freq: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ name: flags, value: sizes }) },
  {
    weight: 1,
    arbitrary: fc.record({ name: fc.constantFrom('x', '__proto__', 'constructor'), value: fc.option(sizes) }),
  },
)
const names = fc.oneof(
  { weight: 9, arbitrary: fc.constant(NAME) },
  { weight: 1, arbitrary: fc.constantFrom('x', 'PERMESSAGE-DEFLATE') },
)
const offers: fc.Arbitrary<Extension[]> = fc.array(
  fc.record({ name: names, parameters: fc.array(parameters, { maxLength: 4 }) }),
  { minLength: 1, maxLength: 6 },
)

/** RFC 7692 §7.1, written down apart from the engine: whether `agreement` may answer this one offer. */
function mayAnswer({ name, parameters }: Extension, agreement: Agreement): boolean {
  const given = new Map(parameters.map((each) => [each.name, each.value]))
  if (name !== NAME || given.size !== parameters.length) return false
  for (const [parameter, value] of given) {
    const isFlag = /^(server|client)_no_context_takeover$/.test(parameter)
    const isWindow = /^(server|client)_max_window_bits$/.test(parameter)
    const mayBeBare = isFlag || parameter === 'client_max_window_bits'
    if (value === null ? !mayBeBare : !isWindow || !/^([89]|1[0-5])$/.test(value)) return false
  }
  const server = given.get('server_max_window_bits')
  if (given.has('server_no_context_takeover') && !agreement.serverNoContextTakeover) return false
  if (typeof server === 'string' && agreement.serverMaxWindowBits > Number(server)) return false
  if (!given.has('client_max_window_bits')) return agreement.clientMaxWindowBits === 15
  return agreement.clientMaxWindowBits <= Number(given.get('client_max_window_bits') ?? 15)
}

t.test(
  'row 55: whatever is offered, what is agreed on is an answer to one of the offers and within the policy',
  async (t) => {
    let agreed = 0
    fc.assert(
      fc.property(offers, policies, (list, policy) => {
        const parsed = parseExtensions(list.map(formatExtension).join(', '))
        assert.ok(parsed)
        const agreement = negotiate(parsed, policy)
        if (agreement === null) return
        agreed++
        assert.ok(
          list.some((offer) => mayAnswer(offer, agreement)),
          JSON.stringify(agreement),
        )
        assert.ok(agreement.serverMaxWindowBits >= 9 && agreement.serverMaxWindowBits <= policy.serverMaxWindowBits)
        assert.ok(agreement.clientMaxWindowBits >= 8)
        assert.ok(agreement.serverNoContextTakeover || !policy.serverNoContextTakeover)
        assert.ok(agreement.clientNoContextTakeover || !policy.clientNoContextTakeover)
        assert.equal(
          parseExtensions(formatAgreement(agreement))?.length,
          1,
          'and it is sent as one well-formed extension',
        )
      }),
      { numRuns: 3000 },
    )
    t.ok(agreed > 500, `${agreed} of 3000 were agreed on`)
  },
)

t.test('row 55: any text is a list or null and leads to an agreement or none', async () => {
  const words = [
    NAME,
    'server_max_window_bits',
    'client_max_window_bits',
    'server_no_context_takeover',
    '8',
    '15',
    'é',
    '\0',
  ]
  const texts = fc.array(fc.constantFrom(...words, ';', ';', ',', '=', '=', '"', '\\', ' '), { maxLength: 24 })
  fc.assert(
    fc.property(texts, policies, (parts, policy) => {
      const list = parseExtensions(parts.join(''))
      const agreement = list && negotiate(list, policy)
      assert.ok(agreement === null || agreement.serverMaxWindowBits >= 9)
    }),
    { numRuns: 3000 },
  )
})

t.test('row 55: zlib takes every window that can be agreed on', async (t) => {
  for (let windowBits = 8; windowBits <= 15; windowBits++) {
    t.doesNotThrow(() => createInflateRaw({ windowBits }).close(), `inflate ${windowBits}`)
    if (windowBits > 8) t.doesNotThrow(() => createDeflateRaw({ windowBits }).close(), `deflate ${windowBits}`)
  }
})
