import fc from 'fast-check'
import t from 'tap'
import {
  CloseCode,
  encodeCloseBody,
  isReceivableCloseCode,
  isSendableCloseCode,
} from '../../../src/shared/protocol/close-codes.ts'

t.test('which codes may be received and sent', (t) => {
  const allowed = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
  const refused = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
  for (const code of allowed) t.ok(isReceivableCloseCode(code) && isSendableCloseCode(code), String(code))
  for (const code of refused) t.notOk(isReceivableCloseCode(code) || isSendableCloseCode(code), String(code))
  for (const code of [Number.NaN, 1000.5, Number.POSITIVE_INFINITY, -1000])
    t.notOk(isSendableCloseCode(code), String(code))
  const never: number[] = [CloseCode.NO_STATUS_RECEIVED, CloseCode.ABNORMAL_CLOSURE, CloseCode.TLS_HANDSHAKE]
  for (const code of Object.values(CloseCode))
    t.equal(isReceivableCloseCode(code), !never.includes(code), `table: ${code}`)
  t.end()
})

t.test('the body of a close frame', (t) => {
  t.equal(encodeCloseBody(1000, '').toString('hex'), '03e8')
  t.equal(encodeCloseBody(4999, 'é').toString('hex'), '1387c3a9')
  t.equal(encodeCloseBody(1005, 'dropped').length, 0, '1005 stands for no code')
  t.equal(encodeCloseBody(1000, '\ud800!').toString('hex'), '03e8efbfbd21', 'a lone surrogate')
  for (const code of [0, 1004, 1006, 1015, 2999, 5000, 1000.5]) {
    t.throws(() => encodeCloseBody(code, ''), { code: 'ARGUMENT_INVALID' }, String(code))
  }
  t.end()
})

t.test('the reason is cut at a character', (t) => {
  t.equal(encodeCloseBody(1000, 'a'.repeat(123)).length, 125)
  t.equal(encodeCloseBody(1000, 'a'.repeat(124)).length, 125)
  t.equal(encodeCloseBody(1000, `${'a'.repeat(122)}é`).length, 124)
  t.equal(encodeCloseBody(1000, `${'a'.repeat(121)}€`).length, 123)
  t.equal(encodeCloseBody(1000, `${'a'.repeat(120)}🐎`).length, 122)
  t.equal(encodeCloseBody(1000, `${'a'.repeat(119)}🐎`).length, 125)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.boolean(), (text, isBroken) => {
      const reason = isBroken ? `${text.slice(1)}\udc00${text}` : text
      const body = encodeCloseBody(1000, reason).subarray(2)
      const whole = Buffer.from(reason)
      const next = whole[body.length] ?? 0
      const isCutAtCharacter = (next & 0xc0) !== 0x80
      return (
        whole.subarray(0, body.length).equals(body) &&
        isCutAtCharacter &&
        (body.length > 119 || body.length === whole.length)
      )
    }),
  )
  t.end()
})
