import t from 'tap'
import { DeflateContext, deflated } from '../fixtures/deflate-context.ts'
import { compressionCases } from './compression.ts'
import { strictCases } from './compression-strict.ts'
import { offerCases } from './offers.ts'

const HELLO = Buffer.from('f248cdc9c90700', 'hex')
const HELLO_AGAIN = Buffer.from('f200110000', 'hex')

t.test('the examples of RFC 7692 §7.2.3', async (t) => {
  const context = new DeflateContext('permessage-deflate')
  t.equal(context.inflate(HELLO).toString(), 'Hello')
  t.equal(context.inflate(HELLO_AGAIN).toString(), 'Hello')
  t.equal(context.inflate(Buffer.of(0)).toString(), '')
  t.same(deflated('Hello'), HELLO)
})

t.test('a server that keeps a context against the agreement is noticed', async (t) => {
  const context = new DeflateContext('permessage-deflate; server_no_context_takeover')
  context.inflate(HELLO)
  t.throws(() => context.inflate(HELLO_AGAIN), /distance/)
})

t.test('a server that looks back farther than agreed is noticed, in a message and across', async (t) => {
  const far = Buffer.alloc(3 * 1024)
  for (let at = 0; at < 1500; at++) far[at] = far[at + 1500] = Math.imul(at + 1, 0x9e3779b1) >>> 24
  const agreed = (bits: number): DeflateContext =>
    new DeflateContext(`permessage-deflate; server_max_window_bits=${bits}`)
  t.same(agreed(12).inflate(deflated(far, { windowBits: 12 })), far)
  t.same(agreed(9).inflate(deflated(far, { windowBits: 9 })), far)
  t.throws(() => agreed(9).inflate(deflated(far, { windowBits: 12 })), /distance/)

  const context = agreed(9)
  context.inflate(deflated(far.subarray(0, 1500), { windowBits: 9 }))
  t.throws(() => context.inflate(deflated(far.subarray(0, 500), { dictionary: far.subarray(0, 1500) })), /distance/)
})

t.test('what the client compresses depends on what was before only where that was agreed', async (t) => {
  const twice = (agreed: string): number[] => {
    const context = new DeflateContext(agreed)
    const text = Buffer.from('some text that is sent twice')
    return [context.deflate(text).length, context.deflate(text).length]
  }
  const [first = 0, second = 0] = twice('permessage-deflate')
  t.ok(second < first / 2)
  t.same(twice('permessage-deflate; client_no_context_takeover'), [first, first])
})

t.test('no id twice', async (t) => {
  for (const mode of ['shared', 'dedicated'] as const) {
    const ids = [...compressionCases, ...strictCases(mode), ...offerCases(mode)].map(({ id }) => id)
    t.equal(new Set(ids).size, ids.length)
  }
})
