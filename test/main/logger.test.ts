import t from 'tap'
import { createStderrLogger, isLogLevel, type LogLevel } from '../../src/main/logger.ts'

const LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug']

t.test('a record is one line: who, level, message, details as JSON', async (t) => {
  const { args } = t.capture(process.stderr, 'write', () => true)
  createStderrLogger('debug').warn({ shard: 2, cause: 'a\nb' }, 'shard exited')
  t.same(args(), [['shardws warn: shard exited {"shard":2,"cause":"a\\nb"}\n']])
})

for (const [index, level] of LEVELS.entries()) {
  t.test(`level ${level} writes ${LEVELS.slice(0, index + 1).join(', ')}`, async (t) => {
    const { args } = t.capture(process.stderr, 'write', () => true)
    const logger = createStderrLogger(level)
    for (const of of LEVELS) logger[of]({}, 'x')
    t.same(
      args().map(([line]) => line),
      LEVELS.slice(0, index + 1).map((of) => `shardws ${of}: x {}\n`),
    )
  })
}

t.test('isLogLevel', async (t) => {
  for (const level of LEVELS) t.ok(isLogLevel(level))
  for (const value of ['trace', '', 'ERROR', 0, null, undefined, {}]) t.notOk(isLogLevel(value))
})
