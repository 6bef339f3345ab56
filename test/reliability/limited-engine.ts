import type { Test } from 'tap'
import type { ErrorCode, Stats, WebSocketServerOptions } from '../../src/index.ts'
import type { EngineConfiguration } from '../fixtures/configurations.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

/** Where the two ways a shard can run differ: on main, and in threads with a neighbour on another one. */
export const ON_MAIN_AND_IN_THREADS: readonly EngineConfiguration[] = [0, 2].map((shards) => ({
  name: `shards: ${shards}`,
  options: { shards },
}))

const DEADLINE_MS = 5000

/** A server whose log is kept. */
export interface LimitedEngine {
  readonly engine: EngineUnderTest
  readonly log: RecordingLogger
}

export async function startLimited(t: Test, options: WebSocketServerOptions): Promise<LimitedEngine> {
  const log = new RecordingLogger()
  return { engine: await EngineUnderTest.start(t, { ...options, logger: log }), log }
}

/** A limit was reached: it is counted by its option, and so is the connection it ended; the log names the option. */
export async function assertReached(
  t: Test,
  { engine, log }: LimitedEngine,
  option: string,
  code?: ErrorCode,
): Promise<Stats> {
  const { server } = engine
  const isCounted = ({ limits, failures }: Stats): boolean =>
    (limits[option] ?? 0) > 0 && (code === undefined || failures.reasons[code] !== undefined)
  await eventually(`${option} is counted`, () => isCounted(server.stats()), DEADLINE_MS)
  const stats = server.stats()
  t.ok((stats.limits[option] ?? 0) >= 1, `${option}: ${stats.limits[option]} times`)
  if (code !== undefined) t.equal(stats.failures.reasons[code], 1, `${code} once`)
  await eventually(`a log record with option ${option}`, () => log.options.includes(option), DEADLINE_MS)
  t.ok(log.options.includes(option), 'and logged')
  return stats
}
