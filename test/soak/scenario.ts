/** How much of everything there is. Times in milliseconds. */
export interface Scenario {
  readonly shards: number
  readonly processes: number
  readonly clientsPerProcess: number
  /** At most 200. */
  readonly rooms: number
  readonly roomsPerClient: number
  /** By all clients together: to rooms, to one another, and a few to everyone. */
  readonly messagesPerSecond: number
  /** Clients that leave one room and join another. */
  readonly changesPerSecond: number
  /** By main, to rooms. */
  readonly mainPerSecond: number
  /** The load is taken off and everything is checked after so long. */
  readonly roundMs: number
  /** From one misfortune to the next. */
  readonly chaosEveryMs: number
  /** Whether shards are replaced, added and removed, so that connections move between them. */
  readonly hasMoves: boolean
  /** Whether threads, descriptors and memory are compared with what they were: every shard is replaced once before. */
  readonly hasBaseline: boolean
  /** The names of the only misfortunes. Default: all of them. */
  readonly only?: readonly string[]
  readonly limits: Limits
}

export interface Limits {
  /** From the death of a shard to the next one that adopts connections. */
  readonly recoveryMs: number
  /** From the last answer to the moment when main's directory of rooms is the truth. */
  readonly directoryMs: number
  /** From the last message to its arrival at everybody. */
  readonly settleMs: number
  /** From the last close to the moment when nothing is left of anybody. */
  readonly restMs: number
}

const STRICT: Limits = { recoveryMs: 2000, directoryMs: 1000, settleMs: 30_000, restMs: 15_000 }

/** For machines that do other things at the same time. */
const PATIENT: Limits = { recoveryMs: 20_000, directoryMs: 15_000, settleMs: 30_000, restMs: 15_000 }

/** For what is to be found wrong, at once. */
const IMPATIENT: Limits = { recoveryMs: 20_000, directoryMs: 500, settleMs: 2000, restMs: 1000 }

/** Of `npm run soak`: sized for two cores, the clients' included. */
export const FULL: Scenario = {
  shards: 4,
  processes: 2,
  clientsPerProcess: 100,
  rooms: 40,
  roomsPerClient: 5,
  messagesPerSecond: 100,
  changesPerSecond: 10,
  mainPerSecond: 20,
  roundMs: 45_000,
  chaosEveryMs: 3000,
  hasMoves: true,
  hasBaseline: true,
  limits: STRICT,
}

/** Of `npm test`. */
export const SHORT: Scenario = {
  ...FULL,
  clientsPerProcess: 50,
  messagesPerSecond: 60,
  roundMs: 14_000,
  chaosEveryMs: 700,
  limits: PATIENT,
}

/** For an engine that has a defect, which shows at once. */
export const TINY: Scenario = {
  ...FULL,
  shards: 2,
  processes: 1,
  clientsPerProcess: 24,
  rooms: 6,
  roomsPerClient: 3,
  messagesPerSecond: 150,
  changesPerSecond: 40,
  mainPerSecond: 40,
  roundMs: 2000,
  chaosEveryMs: 700,
  hasBaseline: false,
  limits: IMPATIENT,
}
