import { performance } from 'node:perf_hooks'
import { ShardwsError } from '../shared/errors.ts'
import { firstBy } from './first-by.ts'
import type { DirectoryRoom, Resident } from './room-directory.ts'

/** What goes on in one room. */
export interface RoomActivity {
  /** Its name. */
  readonly room: string
  /** How many there are now. */
  readonly members: number
  /** Published to it by main since it has had members; what handlers in the shards publish does not pass main. */
  readonly messages: number
  /** Milliseconds since the epoch of its latest join, or message of main. */
  readonly lastActivity: number
}

/** Which rooms come first: by messages, by members, or those where nothing has happened for longest. */
export type ActivityOrder = 'busiest' | 'largest' | 'stalest'

const RANKS: Readonly<Record<ActivityOrder, (room: DirectoryRoom<Resident>) => number>> = {
  busiest: ({ messages }) => messages,
  largest: ({ size }) => size,
  stalest: ({ lastActiveMs }) => -lastActiveMs,
}

/** The first `top` in this order, in one pass. @throws ShardwsError ARGUMENT_INVALID */
export function topRooms(
  rooms: Iterable<DirectoryRoom<Resident>>,
  top: number,
  order: ActivityOrder,
): readonly RoomActivity[] {
  if (!Object.hasOwn(RANKS, order))
    throw new ShardwsError('ARGUMENT_INVALID', `order must be one of ${Object.keys(RANKS).join(', ')}`)
  return firstBy(rooms, top, RANKS[order]).map(({ name, size, messages, lastActiveMs }) => ({
    room: name,
    members: size,
    messages,
    lastActivity: performance.timeOrigin + lastActiveMs,
  }))
}
