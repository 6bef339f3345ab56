import t from 'tap'
import { MemoryRelief } from '../../src/main/memory-relief.ts'
import type { MemoryReading } from '../../src/main/process-memory.ts'
import type { RunningShard } from '../../src/main/running-shard.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

const LIMIT = 1000

function relieved(...queuedBytes: number[]) {
  const told: string[] = []
  const shards = queuedBytes.map((bytes, index) => ({
    queuedBytes: bytes,
    link: {
      discard: (share: number) => told.push(`${index}: ${share}`),
      allowContexts: (isAllowed: boolean) => told.push(`${index}: contexts ${isAllowed}`),
    },
  }))
  const logger = new RecordingLogger()
  const clock = { nowMs: 0 }
  const host = { logger, shards: () => shards as unknown as RunningShard[], nowMs: () => clock.nowMs }
  const relief = new MemoryRelief(host)
  const at = (rssBytes: number): MemoryReading => ({ rssBytes, limitBytes: LIMIT, pressure: rssBytes / LIMIT })
  return { relief, logger, clock, at, told: () => told.splice(0) }
}

t.test(
  'row 39: each shard closes its part of what is too much; what was closed is free, though not collected yet',
  async (t) => {
    const { relief, clock, at, told } = relieved(300, 100, 0)
    relief.onSample(at(960))
    t.same(told(), [], 'not before the step is taken')
    relief.onStep('queues', true, at(960))
    relief.onSample(at(960))
    t.same(told(), ['0: 45', '1: 15'], '60 bytes too much, and most of it there')
    clock.nowMs = 250
    relief.onSample(at(960))
    t.same(told(), [])
    clock.nowMs = 500
    relief.onSample(at(964))
    t.same(told(), ['0: 3', '1: 1'], 'it has grown meanwhile')
    clock.nowMs = 1000
    relief.onSample(at(944))
    t.same(told(), ['0: 30', '1: 10'], 'some of it was not free after all')
    relief.onStep('queues', false, at(890))
    clock.nowMs = 5000
    relief.onSample(at(890))
    t.same(told(), [])
  },
)

t.test('row 39: nothing is queued: nobody is closed', async (t) => {
  const { relief, at, told } = relieved(0, 0)
  relief.onStep('queues', true, at(960))
  relief.onSample(at(960))
  t.same(told(), [])
})

t.test('row 39: every shard hears of the contexts, the operator of every step', async (t) => {
  const { relief, logger, at, told } = relieved(0, 0)
  relief.onStep('contexts', true, at(800))
  t.same(told(), ['0: contexts false', '1: contexts false'])
  relief.onStep('handshakes', true, at(900))
  t.same(told(), [])
  relief.onStep('contexts', false, at(700))
  t.same(told(), ['0: contexts true', '1: contexts true'])
  t.match(logger.records, [
    { level: 'warn', details: { option: 'maxMemoryBytes', step: 'contexts', rssBytes: 800, limitBytes: LIMIT } },
    { level: 'warn', details: { step: 'handshakes', from: 0.9 }, message: /handshakes are refused/ },
    { level: 'info', details: { step: 'contexts', rssBytes: 700 } },
  ])
})
