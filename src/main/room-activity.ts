import { performance } from 'node:perf_hooks'
import { ShardwsError } from '../shared/errors.ts'
import type { DirectoryRoom, Resident } from './room-directory.ts'

const MAX_TOP = 1000

/** What goes on in one room. */
export interface RoomActivity {
  readonly room: string
  readonly members: number
  /** Published to it by main since it has had members; what handlers in the shards publish does not pass main. */
  readonly messages: number
  /** Milliseconds since the epoch of its latest join, or message of main. */
  readonly lastActivity: number
}

/** Which rooms come first: by messages, by members, or those where nothing has happened for longest. */
export type ActivityOrder = 'busiest' | 'largest' | 'stalest'

const RANKS: Readonly<Record<ActivityOrder, (room: RoomActivity) => number>> = {
  busiest: ({ messages }) => messages,
  largest: ({ members }) => members,
  stalest: ({ lastActivity }) => -lastActivity,
}

/** The first `top` in this order, in one pass. @throws ShardwsError ARGUMENT_INVALID */
export function topRooms(
  rooms: Iterable<DirectoryRoom<Resident>>,
  top: number,
  order: ActivityOrder,
): readonly RoomActivity[] {
  if (!Number.isInteger(top) || top < 1 || top > MAX_TOP)
    throw new ShardwsError('ARGUMENT_INVALID', `top must be an integer from 1 to ${MAX_TOP}, got ${String(top)}`)
  if (!Object.hasOwn(RANKS, order))
    throw new ShardwsError('ARGUMENT_INVALID', `order must be one of ${Object.keys(RANKS).join(', ')}`)
  const rank = RANKS[order]
  const first: RoomActivity[] = []
  for (const { name, size, messages, lastActiveMs } of rooms) {
    const activity = { room: name, members: size, messages, lastActivity: performance.timeOrigin + lastActiveMs }
    if (first.length === top && rank(activity) <= rank(first[top - 1] as RoomActivity)) continue
    const at = first.findIndex((other) => rank(other) < rank(activity))
    first.splice(at === -1 ? first.length : at, 0, activity)
    if (first.length > top) first.pop()
  }
  return first
}
