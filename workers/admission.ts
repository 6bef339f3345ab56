import type { IncomingMessage } from 'node:http'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { type ConnectionTable, ReadyState } from '../src/shared/connection-table.ts'
import { Counter, type Counters } from '../src/shared/counters.ts'
import { ERRORS, type ErrorCode, ShardwsError } from '../src/shared/errors.ts'
import type { Verdict } from '../src/shared/handler.ts'
import { formatAnswer } from '../src/shared/handoff/refusal.ts'
import type { Admitted, Adopt, DoorRules } from '../src/shared/messages.ts'
import { formatAccepted, type OpeningHandshake } from '../src/shared/protocol/handshake.ts'
import {
  type Agreement,
  formatAgreement,
  keepsContext,
  negotiate,
  withoutTakeover,
} from '../src/shared/protocol/permessage-deflate.ts'
import type { HereTicket } from '../src/shared/ticket.ts'
import { UpgradeRequest } from '../src/shared/upgrade-request.ts'
import { encodeValue } from '../src/shared/values.ts'
import { isAccepting } from '../src/shared/verdict.ts'
import type { Connection } from './connection.ts'
import { Door, type Entry } from './door.ts'
import type { Handlers } from './handlers.ts'

/** Where clients wait to be let in. */
export interface AdmissionFront {
  isWaiting(visit: number): boolean
  /** Main decides about it. */
  ask(visit: number): void
  answer(visit: number, answer: Uint8Array): void
}

export interface AdmissionShard {
  readonly index: number
  readonly handlers: Handlers
  readonly connections: ReadonlyMap<ConnectionKey, Connection>
  /** Whether it takes connections of its own accord. */
  readonly isWelcoming: boolean
  adopt(adopt: Adopt): void
}

export interface AdmissionLink {
  /** `admitted`: an `Admitted` as of `encodeValue`. */
  admitted(key: ConnectionKey, admitted: Uint8Array): void
  turnedAway(code: ErrorCode, why: string): void
}

/**
 * Lets clients in without main's word, where no function on main has one: main hears of them afterwards, however long it
 * is blocked. Whoever is refused, is refused by main, unless it is the module's `upgrade` that does.
 */
export class Admission {
  readonly #shard: AdmissionShard
  readonly #link: AdmissionLink
  readonly #table: ConnectionTable
  readonly #counters: Counters
  #door: Door | null = null
  /** Keys that main has lent, for connections to come. */
  readonly #keys: ConnectionKey[] = []

  constructor(shard: AdmissionShard, link: AdmissionLink, table: ConnectionTable, counters: Counters) {
    this.#shard = shard
    this.#link = link
    this.#table = table
    this.#counters = counters
  }

  /** Null: main decides about everybody. */
  rule(rules: DoorRules | null): void {
    this.#door = rules && new Door(rules)
  }

  lend(keys: readonly ConnectionKey[]): void {
    this.#keys.push(...keys)
  }

  /** Returns whether it is decided here; if not, nothing has happened. */
  takes(front: AdmissionFront, visit: number, request: IncomingMessage): boolean {
    const entry = this.#door?.find(request) ?? null
    if (this.#door === null || entry === null || !this.#hasRoom(this.#door)) return false
    if (this.#shard.handlers.get(entry.module) === undefined) return false
    if (!this.#shard.handlers.mustJudge(entry.module)) return this.#enter(visit, entry, undefined)
    void this.#judge(front, visit, entry, this.#door.rules.verifyTimeoutMs)
    return true
  }

  #hasRoom({ rules }: Door): boolean {
    const isFull = this.#counters.total(Counter.CONNECTIONS) >= rules.maxConnections
    return this.#shard.isWelcoming && this.#keys.length > 0 && !isFull
  }

  /** Asks the module. What only main can tell of (it throws, its user cannot be cloned), main finds out by asking again. */
  async #judge(front: AdmissionFront, visit: number, entry: Entry, timeoutMs: number): Promise<void> {
    const request = new UpgradeRequest(entry.fields)
    const verdict = await within(timeoutMs, this.#shard.handlers.verdictOf(entry.module, request))
    if (!front.isWaiting(visit)) return
    if (verdict === 'late') this.#refuse(front, visit, 'VERIFY_TIMEOUT', {})
    else if (verdict instanceof Error) front.ask(visit)
    else if (!isAccepting(verdict)) this.#refuse(front, visit, 'UNAUTHORIZED', { status: 401, ...verdict })
    else if (!this.#enter(visit, entry, verdict.user)) front.ask(visit)
  }

  #refuse(front: AdmissionFront, visit: number, code: ErrorCode, verdict: Verdict): void {
    const { status, headers, body } = verdict
    const answer = {
      ...(status === undefined ? {} : { status }),
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
    }
    try {
      front.answer(visit, Buffer.from(formatAnswer(new ShardwsError(code), answer)))
      this.#link.turnedAway(code, ERRORS[code].message)
    } catch {
      // What the verdict says cannot be sent: main tells the application so.
      front.ask(visit)
    }
  }

  /** False: it cannot be let in here after all, and nothing has happened. */
  #enter(visit: number, { opening, module, fields }: Entry, found: unknown): boolean {
    const user = encoded(found ?? fields.user)
    const key = user === null || !this.#shard.isWelcoming ? undefined : this.#keys.pop()
    if (user === null || key === undefined) return false
    const { user: _, ...request } = fields
    const agreement = this.#agree(opening)
    const handled = { module, request, user, isHeld: false }
    const extensions = agreement === null ? '' : formatAgreement(agreement)
    const answer = Buffer.from(formatAccepted(opening.key, fields.protocol, extensions), 'latin1')
    const ticket: HereTicket = { via: 'here', visit, answer }
    this.#open(key)
    // Before anything that the handler does.
    this.#link.admitted(key, encodeValue({ handled, agreement } satisfies Admitted, 'request'))
    this.#shard.adopt({ kind: 'adopt', key, head: null, agreement, isWatched: false, greeting: null, handled, ticket })
    return true
  }

  /** As main does for those that it gives away. */
  #open(key: ConnectionKey): void {
    const now = performance.timeOrigin + performance.now()
    this.#table.setShard(key, this.#shard.index)
    this.#table.setReadyState(key, ReadyState.OPEN)
    this.#table.setConnectedAt(key, now)
    this.#table.setLastActivity(key, now)
  }

  #agree({ extensions }: OpeningHandshake): Agreement | null {
    const { deflatePolicy = null, maxDedicatedContexts = 0 } = this.#door?.rules ?? {}
    if (deflatePolicy === null || extensions.length === 0) return null
    const agreement = negotiate(extensions, deflatePolicy)
    if (agreement === null || !keepsContext(agreement) || this.#contexts() < maxDedicatedContexts) return agreement
    return negotiate(extensions, withoutTakeover(deflatePolicy))
  }

  /** Counted only where clients are given contexts. */
  #contexts(): number {
    let count = 0
    for (const { agreement } of this.#shard.connections.values()) {
      if (agreement !== null && keepsContext(agreement)) count++
    }
    return count
  }
}

function encoded(user: unknown): Uint8Array | null {
  try {
    return encodeValue(user, 'user')
  } catch {
    return null
  }
}

async function within<Value>(ms: number, answer: Promise<Value>): Promise<Value | 'late'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, ms, 'late')
  })
  const first = await Promise.race([answer, late])
  clearTimeout(timer)
  return first
}
