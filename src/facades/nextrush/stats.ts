import type { Stats } from '../../main/stats.ts'

/** Rooms with at least one member: a number that also has `length`, for code that took it for a list. Compare with `Number(rooms)`. */
class RoomCount extends Number {
  get length(): number {
    return this.valueOf()
  }
}

/** What `WebSocketPlugin.getStats` returns: `connections` are open now, `totalConnections` were ever opened. */
export interface WebSocketStats extends Omit<Stats, 'rooms'> {
  /** Rooms with at least one member: counts and serializes as a number, and has `length` besides. Not equal (===) to one. */
  readonly rooms: number & { readonly length: number }
}

export function pluginStats(stats: Stats): WebSocketStats {
  return { ...stats, rooms: new RoomCount(stats.rooms) as unknown as WebSocketStats['rooms'] }
}
