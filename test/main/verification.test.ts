import t from 'tap'
import { Verification } from '../../src/main/verification.ts'
import { deferred } from '../fixtures/deferred.ts'

const VERIFY_TIMEOUT_MS = 100

function setUp() {
  const outcomes: unknown[] = []
  const errors: Error[] = []
  const client = {
    fail: (code: string, answer?: object) => void outcomes.push(answer === undefined ? [code] : [code, answer]),
    leave: (status: number | undefined) => void outcomes.push(['left', status]),
  }
  const context = {
    options: { verifyTimeoutMs: VERIFY_TIMEOUT_MS },
    nowMs: 1000,
    onError: (error: Error) => void errors.push(error),
  }
  return { verification: new Verification(client, context), outcomes, errors }
}

t.test('what accepts is the verdict', async (t) => {
  const { verification, outcomes } = setUp()
  for (const [answer, verdict] of [
    [true, { accept: true }],
    [{ user: 'ada' }, { user: 'ada' }],
    [
      { accept: true, status: 418 },
      { accept: true, status: 418 },
    ],
  ] as const) {
    t.same(await verification.ask(async () => answer), verdict)
    t.same(verification.judge(answer), verdict)
  }
  t.same(outcomes, [])
})

t.test('what refuses is answered with 401, or as it says', async (t) => {
  const { verification, outcomes } = setUp()
  t.equal(await verification.ask(async () => false), null)
  t.equal(await verification.ask(async () => undefined as unknown as boolean), null)
  t.equal(await verification.ask(async () => ({ status: 403, headers: { 'X-Why': 'no' }, body: 'no' })), null)
  t.same(outcomes, [
    ['UNAUTHORIZED', { status: 401 }],
    ['UNAUTHORIZED', { status: 401 }],
    ['UNAUTHORIZED', { status: 403, headers: { 'X-Why': 'no' }, body: 'no' }],
  ])
})

t.test('who has answered the client keeps the socket', async (t) => {
  const { verification, outcomes } = setUp()
  t.equal(await verification.ask(async () => ({ answered: true, status: 302 })), null)
  t.same(outcomes, [['left', 302]])
})

t.test('what it throws is an error of the application, and 500', async (t) => {
  const { verification, outcomes, errors } = setUp()
  const cause = new Error('no database')
  const decide = async (): Promise<boolean> => {
    throw cause
  }
  t.equal(await verification.ask(decide), null)
  t.equal(verification.judge(cause), null)
  t.same(outcomes, [['VERIFY_FAILED'], ['VERIFY_FAILED']])
  t.match(errors, [
    { code: 'VERIFY_FAILED', cause },
    { code: 'VERIFY_FAILED', cause },
  ])
})

t.test('the time runs while somebody is asked', async (t) => {
  const { verification } = setUp()
  const [inTimeMs, dueMs] = [1000 + VERIFY_TIMEOUT_MS - 1, 1000 + VERIFY_TIMEOUT_MS]
  const answer = deferred<boolean>()
  t.notOk(verification.isDue(dueMs), 'nobody is')
  const verdict = verification.ask(() => answer.promise)
  t.same([verification.isDue(inTimeMs), verification.isDue(dueMs)], [false, true])
  answer.resolve(true)
  await verdict
  t.notOk(verification.isDue(dueMs))
  verification.begin()
  t.ok(verification.isDue(dueMs))
  verification.judge(true)
  t.notOk(verification.isDue(dueMs))
})
