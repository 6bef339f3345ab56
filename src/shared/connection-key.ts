/**
 * The number by which the threads name one connection: table slot plus generation, in 31 bits so
 * that V8 keeps it as a small integer. It does not name the shard: a connection may move.
 */
export type ConnectionKey = number

const SLOT_BITS = 20
const GENERATION_BITS = 11

/** The most connections one server can hold at a time. */
export const MAX_SLOTS = 1 << SLOT_BITS

export function connectionKey(slot: number, generation: number): ConnectionKey {
  return (generation << SLOT_BITS) | slot
}

export function slotOf(key: ConnectionKey): number {
  return key & (MAX_SLOTS - 1)
}

/** Wraps after 2048 reuses of one slot; a message never stays in flight for that long. */
export function nextGeneration(generation: number): number {
  return (generation + 1) & ((1 << GENERATION_BITS) - 1)
}
