import { Counter } from '../shared/counters.ts'
import { ERRORS, type ErrorCode } from '../shared/errors.ts'
import type { Engine } from './engine.ts'

/** Limits whose effect is not an error: what counts them. */
const COUNTED: Readonly<Record<string, readonly Counter[]>> = {
  maxBackpressure: [Counter.DROPPED_MESSAGES, Counter.REFUSED_BY_BACKPRESSURE],
  maxUnprocessedMessages: [Counter.UNPROCESSED_MESSAGES_PAUSES],
  maxUnprocessedBytes: [Counter.UNPROCESSED_BYTES_PAUSES],
  maxRooms: [Counter.REFUSED_MAX_ROOMS],
  maxRoomsPerConnection: [Counter.REFUSED_MAX_ROOMS_PER_CONNECTION],
  maxRoomSize: [Counter.REFUSED_MAX_ROOM_SIZE],
  maxCoalescedKeys: [Counter.REFUSED_WINDOWS],
  maxPendingPongs: [Counter.COALESCED_PONGS],
  rateLimit: [Counter.RATE_LIMITED_MESSAGES, Counter.RATE_PAUSES],
  livenessMs: [Counter.LIVENESS_TIMEOUTS],
  idleTimeoutMs: [Counter.IDLE_TIMEOUTS],
  closeTimeoutMs: [Counter.CLOSE_TIMEOUTS],
  maxLifetimeMs: [Counter.LIFETIMES_ENDED],
}

/** How often the limit that each option sets was reached. */
export function limitsOf(
  { counters, shardCounters, compute, memory }: Engine,
  failures: ReadonlyMap<ErrorCode, number>,
): Partial<Record<string, number>> {
  const limits = new Map<string, number>()
  const add = (option: string, count: number): void => {
    if (count > 0) limits.set(option, (limits.get(option) ?? 0) + count)
  }
  for (const counts of [counters.rejected, failures]) {
    for (const [code, count] of counts) {
      const { option } = ERRORS[code]
      if (option !== undefined) add(option, count)
    }
  }
  for (const [option, all] of Object.entries(COUNTED)) for (const each of all) add(option, shardCounters.total(each))
  add('maxBackpressure', counters.refusedByBackpressure)
  add('stallMs', counters.shardStalls)
  add('killMs', counters.shardKills)
  for (const [option, count] of Object.entries(counters.unprocessedPauses)) add(option, count)
  add('maxCoalescedKeys', counters.refusedWindows)
  add('maxDevicesPerUser', counters.refusedDevices)
  for (const [limit, count] of Object.entries(counters.outbox.dropped)) add(`outbox.${limit}`, count)
  for (const [limit, count] of Object.entries(counters.sessions.evicted)) add(`sessions.${limit}`, count)
  add('sessions.maxDataBytes', counters.sessions.unkept)
  const { maxRooms, maxRoomSize, maxRoomsPerConnection } = counters.refusedJoins
  for (const [option, count] of Object.entries({ maxRooms, maxRoomSize, maxRoomsPerConnection })) add(option, count)
  for (const count of Object.values(memory.counts)) add('maxMemoryBytes', count)
  const { rejected, timedOut } = compute.stats()
  add('compute.maxQueue', rejected)
  add('compute.taskTimeoutMs', timedOut)
  return Object.fromEntries(limits)
}
