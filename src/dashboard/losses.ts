import type { Stats } from '../main/stats.ts'
import { ERRORS, type ErrorCode } from '../shared/errors.ts'

/** What did not go as somebody wished, since the server was made. */
export interface Loss {
  /** What was lost. */
  readonly what: string
  /** An error code or the name in `stats()`. */
  readonly reason: string
  /** The same in words. */
  readonly meaning: string
  readonly count: number
}

const DROPPED: Readonly<Record<keyof Stats['dropped'], string>> = {
  slowConsumer: 'the peer reads too slowly and gives up the newest message',
  backpressure: 'send was refused: more than maxBackpressure is queued',
  link: 'another thread was too far behind',
  controls: 'pings and pongs to a peer that does not read',
  rateLimit: 'more than rateLimit allows',
  invalid: 'does not match the schema of validate',
}
const TIMEOUTS: Readonly<Record<keyof Stats['timeouts'], string>> = {
  liveness: 'no byte from the peer for livenessMs',
  idle: 'no byte from the peer for idleTimeoutMs',
  close: 'no close frame from the peer within closeTimeoutMs',
  lifetime: 'open for maxLifetimeMs',
}
const JOINS: Readonly<Record<keyof Stats['refusedJoins'], string>> = {
  maxRooms: 'there are maxRooms rooms',
  maxRoomsPerConnection: 'the connection is in maxRoomsPerConnection rooms',
  maxRoomSize: 'the room has maxRoomSize members',
  canJoin: 'canJoin said no',
  link: 'the shard was too far behind',
}
const HANDLERS = { handler: 'a handler or listener threw or rejected' }
const HANDSHAKES = {
  lost: 'no shard took the connection after its 101',
  abandoned: 'the client left before it was answered',
}

/** Those that have happened, the most frequent first. Errors of peers and of TCP are told by their codes. */
export function lossesOf({ rejected, dropped, failures, timeouts, refusedJoins, errors, handoffs }: Stats): Loss[] {
  return [
    ...byCode('handshake refused', rejected.reasons),
    ...byCode('connection ended', failures.reasons),
    ...byName('connection ended', timeouts, TIMEOUTS),
    ...byName('message dropped', dropped, DROPPED),
    ...byName('join refused', refusedJoins, JOINS),
    ...byName('error', { handler: errors.handler }, HANDLERS),
    ...byName('handshake lost', { lost: handoffs.lost, abandoned: handoffs.abandoned }, HANDSHAKES),
  ]
    .filter(({ count }) => count > 0)
    .sort((one, other) => other.count - one.count)
}

function byCode(what: string, counts: Partial<Record<ErrorCode, number>>): Loss[] {
  return Object.entries(counts).map(([code, count]) => {
    return { what, reason: code, meaning: ERRORS[code as ErrorCode].message, count }
  })
}

function byName<Name extends string>(
  what: string,
  counts: Readonly<Record<Name, number>>,
  meanings: Readonly<Record<Name, string>>,
): Loss[] {
  return (Object.keys(counts) as Name[]).map((name) => {
    return { what, reason: name, meaning: meanings[name], count: counts[name] }
  })
}
