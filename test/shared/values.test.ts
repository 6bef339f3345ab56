import t from 'tap'
import { decodeError, decodeValue, encodeError, encodeValue } from '../../src/shared/values.ts'

t.test('what can be cloned arrives as it was', async (t) => {
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  const values = [
    undefined,
    null,
    0,
    -0,
    1n,
    'ž',
    new Date(5),
    new Map([['a', new Set([1])]]),
    Buffer.from('ab'),
    { a: [1, { b: 2 }] },
  ]
  for (const value of values) t.strictSame(decodeValue(encodeValue(value, 'value')), value)
  const arrived = decodeValue(encodeValue(cycle, 'value')) as typeof cycle
  t.equal(arrived.self, arrived)
})

t.test('what cannot is named', async (t) => {
  for (const value of [() => {}, Symbol('s'), { deep: [() => {}] }, Promise.resolve()]) {
    t.throws(() => encodeValue(value, 'request.user'), {
      code: 'ARGUMENT_INVALID',
      message: /^request\.user must be a value that can be cloned/,
    })
  }
})

t.test('an error keeps its kind, message and stack, and is always one', async (t) => {
  const error = new RangeError('too far')
  const arrived = decodeValue(encodeError(error)) as Error
  t.ok(arrived instanceof RangeError)
  t.same([arrived.message, arrived.stack], [error.message, error.stack])
  for (const [thrown, message] of [
    ['a string', 'a string'],
    [undefined, 'undefined'],
    [new Error('with a cause', { cause: () => {} }), 'with a cause'],
    [{ toString: () => 'an object' }, 'an object'],
  ] as const) {
    const told = decodeValue(encodeError(thrown))
    t.ok(told instanceof Error)
    t.equal((told as Error).message, message)
  }
  const old = Object.assign(Object.create(Error.prototype), { message: 'old style', stack: 'somewhere' })
  t.match(decodeValue(encodeError(old)), { message: 'old style', stack: 'somewhere' })
  t.type(decodeValue(encodeError(Object.create(null))), Error, 'and one that is no string')
})

t.test('an error keeps its name and code, whatever else cannot be cloned', async (t) => {
  class DatabaseError extends Error {
    override readonly name = 'DatabaseError'
    readonly code = 'E_GONE'
  }
  const errors = [
    new DatabaseError('gone'),
    new DatabaseError('gone', { cause: () => {} }),
    Object.assign(Object.create(DatabaseError.prototype), { message: 'gone', name: 'DatabaseError', code: 'E_GONE' }),
  ]
  for (const error of errors) {
    const arrived = decodeError(encodeError(error))
    t.ok(arrived instanceof Error)
    t.match(arrived, { name: 'DatabaseError', code: 'E_GONE', message: 'gone' })
  }
  t.same(decodeError(encodeError(Object.assign(new RangeError('far'), { code: 34 }))), { code: 34 })
  const plain = decodeError(encodeError(Object.assign(new TypeError('odd'), { code: { not: 'plain' } })))
  t.same([plain.name, 'code' in plain], ['TypeError', false])
  t.notOk('code' in decodeError(encodeError('a string')))
})
