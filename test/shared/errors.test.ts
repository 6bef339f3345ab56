import t from 'tap'
import { ERRORS, type ErrorCode, ShardwsError } from '../../src/shared/errors.ts'
import { isSendableCloseCode } from '../../src/shared/protocol/close-codes.ts'
import { reasonPhrase } from '../../src/shared/protocol/reason-phrases.ts'

const CODES = Object.keys(ERRORS) as ErrorCode[]

t.test('every row can be told to whom it concerns', async (t) => {
  for (const code of CODES) {
    const { message, closeCode, status } = ERRORS[code]
    t.match(code, /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/)
    t.match(message, /^\w.*\w$/s, `${code} has a message without a full stop`)
    t.ok(closeCode === undefined || isSendableCloseCode(closeCode), `${code}: the close code may be sent`)
    t.ok(closeCode === undefined || Buffer.byteLength(message) <= 123, `${code}: the message fits into a close frame`)
    t.ok(status === undefined || (status >= 400 && status <= 599), `${code}: the status refuses`)
    t.notOk(closeCode !== undefined && status !== undefined, `${code}: a handshake or a connection, not both`)
  }
})

t.test('the reason phrase of every status is known', async (t) => {
  for (const code of CODES) {
    const { status } = ERRORS[code]
    if (status !== undefined) t.not(reasonPhrase(status), '', `${code}: ${status}`)
  }
})

t.test('an error carries its row', async (t) => {
  const error = new ShardwsError('MESSAGE_TOO_BIG')
  t.match(error, {
    name: 'ShardwsError',
    code: 'MESSAGE_TOO_BIG',
    closeCode: 1009,
    message: ERRORS.MESSAGE_TOO_BIG.message,
  })
  t.equal(error.status, undefined)
  t.ok(error instanceof Error)
  t.match(new ShardwsError('NO_SHARD'), { status: 503, closeCode: undefined })
})

t.test('a message and a cause of its own', async (t) => {
  const cause = new Error('why')
  const error = new ShardwsError('OPTION_INVALID', 'options.shards must be …', { cause })
  t.equal(error.message, 'options.shards must be …')
  t.equal(error.cause, cause)
})
