import t from 'tap'
import { LENT_KEYS } from '../../src/main/admissions.ts'
import { resolveOptions } from '../../src/main/resolve-options.ts'
import { allocateSharedMemory } from '../../src/main/shared-memory.ts'
import { MAX_SLOTS } from '../../src/shared/connection-key.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

const affordAll = (wanted: number): number => wanted

t.test('there is a slot for every connection, and a row for every shard and a successor', async (t) => {
  const memory = allocateSharedMemory(resolveOptions({ shards: 2, maxConnections: 100 }), affordAll)
  t.match(memory, { capacity: 100, slots: 100, rows: 65 })
  t.doesNotThrow(() => memory.counters.row(64))
})

t.test('where shards let connections in by themselves, each has slots for that', async (t) => {
  const options = resolveOptions({ shards: 2, maxConnections: 100, accept: 'raw' })
  const { capacity, rows, slots } = allocateSharedMemory(options, affordAll)
  t.same([capacity, slots], [100, 100 + rows * LENT_KEYS])
  const most = resolveOptions({ shards: 2, maxConnections: MAX_SLOTS, accept: 'raw' })
  t.equal(allocateSharedMemory(most, affordAll).slots, MAX_SLOTS, 'as many as keys can tell apart')
})

t.test('connections without a descriptor are none: the log tells', async (t) => {
  const logger = new RecordingLogger()
  const options = resolveOptions({ shards: 1, maxConnections: 100, logger })
  t.match(
    allocateSharedMemory(options, () => 7),
    { capacity: 7, slots: 7 },
  )
  t.match(logger.records, [{ level: 'warn', details: { option: 'maxConnections', wanted: 100, capacity: 7 } }])
  t.equal(allocateSharedMemory(options, affordAll).capacity, 100)
  t.equal(logger.records.length, 1)
})
