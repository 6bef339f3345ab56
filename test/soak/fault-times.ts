import { type Books, isCut } from './check.ts'
import { Entry } from './ledger.ts'

/** One misfortune, as far as it was measured. */
export interface FaultTimes {
  /** As of `kindOf`. */
  readonly kind: string
  /** Milliseconds from the fault to the moment when the server knew. */
  readonly detectionMs?: number
  /** Milliseconds from then to the moment when all was well again: a shard adopts, everybody has moved. */
  readonly recoveryMs?: number
}

/** The first word of what `describeAction` says, and how a shard died. */
export function kindOf(action: string): string {
  const [name = '', , how = ''] = action.split(' ')
  return name === 'kill' ? `${name} ${how}` : name
}

/** When the server has noticed what was done to it and to its clients, and when it was over that. */
export function faultTimes({ rows, server, cuts, killedMs }: Books): FaultTimes[] {
  const shards = server.hits.map(({ isMoving, how, detectionMs, recoveryMs }) => ({
    kind: isMoving ? 'kill-in-move' : `kill ${how}`,
    detectionMs,
    recoveryMs,
  }))
  const moves = server.evacuationsMs.map((recoveryMs) => ({ kind: 'evacuate', recoveryMs }))
  const resetMs = new Map(
    rows.filter(({ entry, value }) => entry === Entry.Ending && value === 1).map(({ client, ms }) => [client, ms]),
  )
  const opened = new Map(rows.filter(({ entry }) => entry === Entry.Opened).map((row) => [row.client, row]))
  const clients: FaultTimes[] = []
  for (const { client, ms } of server.closes) {
    const reset = resetMs.get(client)
    const killed = killedMs(client)
    const { value: port = 0, ms: openedMs = 0 } = opened.get(client) ?? {}
    const cut = cuts.find((each) => isCut(each, { port, openedMs }, ms))
    if (reset !== undefined) clients.push({ kind: 'reset', detectionMs: ms - reset })
    else if (cut !== undefined) clients.push({ kind: cut.kind, detectionMs: ms - cut.ms })
    else if (killed !== null && ms >= killed) clients.push({ kind: 'kill-clients', detectionMs: ms - killed })
  }
  return [...shards, ...moves, ...clients]
}
