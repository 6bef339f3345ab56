import t, { type Test } from 'tap'
import { LimitLog } from '../../src/main/limit-log.ts'
import { type LogRecord, RecordingLogger } from '../fixtures/recording-logger.ts'

interface Started {
  readonly log: LimitLog
  readonly records: readonly LogRecord[]
  readonly pass: (ms: number) => void
}

function start(t: Test): Started {
  let realMs = 5000
  t.capture(performance, 'now', () => realMs)
  const logger = new RecordingLogger()
  const pass = (ms: number): void => {
    realMs += ms
  }
  return { log: new LimitLog(logger), records: logger.records, pass }
}

t.test('a record names the option and what it happened to', async (t) => {
  const { log, records } = start(t)
  log.reached('maxPayload', { id: 'x' })
  t.same(records, [{ level: 'info', details: { option: 'maxPayload', id: 'x' }, message: 'limit reached: maxPayload' }])
})

t.test('a hundred a second, then how many there were besides', async (t) => {
  const { log, records, pass } = start(t)
  for (let i = 0; i < 150; i++) log.reached('maxControlRate', { i })
  pass(999)
  for (let i = 0; i < 20; i++) log.reached('maxPayload', { i })
  t.equal(records.length, 100)
  pass(1)
  log.reached('maxFragments', {})
  t.same(
    records.slice(100).map(({ level, details }) => ({ level, ...details })),
    [
      { level: 'info', suppressed: 70 },
      { level: 'info', option: 'maxFragments' },
    ],
  )
  for (let i = 0; i < 150; i++) log.reached('maxFragments', {})
  t.equal(records.length, 201, 'a hundred and the one about those before')
})

t.test('a second in which none was left out needs no word', async (t) => {
  const { log, records, pass } = start(t)
  for (let i = 0; i < 100; i++) log.reached('maxPayload', {})
  pass(1000)
  log.reached('maxPayload', {})
  t.equal(records.length, 101)
  t.ok(records.every(({ details }) => !('suppressed' in details)))
})
