import t from 'tap'
import {
  isMessageSchema,
  type MessageSchema,
  type SchemaResult,
  validateMessage,
} from '../../src/shared/message-validation.ts'

function schema(validate: (value: unknown) => SchemaResult | PromiseLike<SchemaResult>): MessageSchema {
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

/** The one that the seed asks for: an object whose `type` is a string. */
const TYPED = schema((value) =>
  typeof (value as { type?: unknown } | null)?.type === 'string'
    ? {}
    : { issues: [{ message: 'must be a string', path: [{ key: 'type' }] }] },
)

const ROWS: readonly (readonly [message: string, isBinary: boolean, why: string | null])[] = [
  ['{"type":"chat"}', false, null],
  [' {"type":"chat","more":[1,2]} ', false, null],
  ['{"type":7}', false, 'type: must be a string'],
  ['{}', false, 'type: must be a string'],
  ['null', false, 'type: must be a string'],
  ['[]', false, 'type: must be a string'],
  ['{"__proto__":{"type":"chat"}}', false, 'type: must be a string'],
  ['', false, 'no JSON'],
  ['{', false, 'no JSON'],
  ['{"type":"chat"}x', false, 'no JSON'],
  ["{'type':'chat'}", false, 'no JSON'],
  ['\u0000', false, 'no JSON'],
  ['['.repeat(100_000), false, 'no JSON'],
  ['{"type":"chat"}', true, 'a binary message'],
]

for (const [message, isBinary, why] of ROWS) {
  t.test(
    `AU05 AU19: ${JSON.stringify(message.slice(0, 40))}${isBinary ? ', binary' : ''}: ${why ?? 'valid'}`,
    async (t) => {
      const error = validateMessage(TYPED, Buffer.from(message), isBinary)
      if (why === null) return t.equal(error, null)
      return t.match(error, {
        code: 'MESSAGE_INVALID',
        closeCode: 1008,
        message: `the message does not match the schema: ${why}`,
      })
    },
  )
}

t.test('AU05 the issues are the cause, and the first one is in the message', async (t) => {
  const issues = [{ message: 'too short', path: ['user', { key: 'name' }, 0] }, { message: 'too long' }]
  const error = validateMessage(
    schema(() => ({ issues })),
    Buffer.from('1'),
    false,
  )
  t.equal(error?.message, 'the message does not match the schema: user.name.0: too short')
  t.equal(error?.cause, issues)
  t.match(
    validateMessage(
      schema(() => ({ issues: [{ message: 'wrong' }] })),
      Buffer.from('1'),
      false,
    ),
    {
      message: 'the message does not match the schema: wrong',
    },
  )
  t.match(
    validateMessage(
      schema(() => ({ issues: [] })),
      Buffer.from('1'),
      false,
    ),
    { code: 'MESSAGE_INVALID' },
  )
})

t.test('AU05 a schema that does not answer at once is the caller’s mistake', async (t) => {
  for (const answer of [() => Promise.resolve({}), () => Promise.reject(new Error('later'))]) {
    t.throws(() => validateMessage(schema(answer), Buffer.from('1'), false), {
      code: 'OPTION_INVALID',
      message: /^options\.validate must be a schema that answers at once/,
    })
  }
})

t.test('what a schema is', async (t) => {
  t.ok(isMessageSchema(TYPED))
  t.ok(isMessageSchema(Object.assign(() => true, TYPED)), 'some libraries make functions')
  for (const value of [null, undefined, 1, 'x', {}, () => true, { '~standard': {} }, { '~standard': { version: 1 } }]) {
    t.notOk(isMessageSchema(value))
  }
})
