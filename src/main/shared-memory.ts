import { MAX_SLOTS } from '../shared/connection-key.ts'
import { ConnectionTable } from '../shared/connection-table.ts'
import { Counters } from '../shared/counters.ts'
import { RoomInterest } from '../shared/room-interest.ts'
import { LENT_KEYS } from './admissions.ts'
import { affordableConnections } from './descriptor-limit.ts'
import type { ResolvedOptions } from './options.ts'
import { mostShards } from './topology.ts'

/** What main and the shards read and write without a message, allocated once. */
export interface SharedMemory {
  /** Connections at a time: `maxConnections`, or as many as there are descriptors for. */
  readonly capacity: number
  /** Shards that there is room for: one more than there may be, because a successor starts before the former one has ended. */
  readonly rows: number
  /** Connections that there is room for: `capacity`, and those that shards may let in while main is blocked. */
  readonly slots: number
  readonly table: ConnectionTable
  readonly counters: Counters
  readonly interest: RoomInterest
}

type Sizes = Pick<ResolvedOptions, 'accept' | 'logger' | 'maxConnections' | 'maxRooms' | 'shards'>

export function allocateSharedMemory(options: Sizes, affordable = affordableConnections): SharedMemory {
  const { accept, logger, maxConnections, maxRooms } = options
  const capacity = affordable(maxConnections)
  if (capacity < maxConnections) {
    const details = { option: 'maxConnections', wanted: maxConnections, capacity }
    logger.warn(details, 'the limit of open files (ulimit -n) allows fewer connections than maxConnections')
  }
  const rows = mostShards(options) + 1
  const slots = Math.min(MAX_SLOTS, capacity + (accept === 'attach' ? 0 : rows * LENT_KEYS))
  return {
    ...{ capacity, rows, slots },
    table: ConnectionTable.allocate(slots),
    counters: Counters.allocate(rows),
    interest: RoomInterest.allocate(rows, maxRooms),
  }
}
