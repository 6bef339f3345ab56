/** What happens to a shard at which part of its heap, or of what it may hold outside of it. */
export const MemoryPressure = {
  /** It gets no new connections. */
  NO_PLACEMENT: 0.8,
  /** The connection with the longest queue is closed with 1013, at every sample: who reads has none to speak of. */
  SHED: 0.9,
  /** Every connection is closed with 1012, and the shard is replaced. */
  RECYCLE: 0.95,
} as const
