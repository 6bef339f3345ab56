import type { Cut } from './bad-network.ts'
import { Entry, type Row } from './ledger.ts'
import { Kind, MAIN, NO_ROOM } from './message.ts'
import type { Hit, ServerBook } from './server-book.ts'

/** How far apart two notes of different processes must be to say which came first. */
const MARGIN_MS = 5
/** How late a client may notice that its connection has ended. */
const NOTICE_MS = 5000
/** Of each kind, with its text. */
const MOST_TOLD = 5

/** What everybody has written down in one round. */
export interface Books {
  readonly rows: readonly Row[]
  readonly server: ServerBook
  /** Connections that the network has ended. */
  readonly cuts: readonly Cut[]
  /** When the process of a client was killed, null if it was not. */
  killedMs(client: number): number | null
}

export interface Verdict {
  readonly violations: Violations
  readonly figures: Figures
}

/** Received + dropped + what crashes and ends have cost + refused = sent × members. */
export interface Figures {
  lives: number
  sent: number
  /** Sent × members, as far as the ledgers say for certain who was a member. */
  expected: number
  received: number
  /** Lacked by slow readers, and counted by the server. */
  dropped: number
  /** Lacked by members whose connection has ended. */
  endedMembers: number
  /** The last messages of connections that have ended. */
  endedPublishers: number
  refused: number
  /** Received around a join or leave, where both would be right. */
  atBoundaries: number
}

/** How often what was wrong, and a few examples of each. */
export class Violations {
  readonly counts: Record<string, number> = {}
  readonly examples: string[] = []

  add(kind: string, text: string): void {
    const count = (this.counts[kind] ?? 0) + 1
    this.counts[kind] = count
    if (count <= MOST_TOLD) this.examples.push(`${kind}: ${text}`)
  }

  get isEmpty(): boolean {
    return this.examples.length === 0
  }
}

interface Sent {
  readonly publisher: number
  readonly seq: number
  readonly ms: number
  readonly room: number
  readonly kind: number
  readonly target: number
}

interface Stay {
  readonly room: number
  joinedMs: number
  endMs: number
  /** The latest message of each publisher, whatever it was for, that has arrived before the member asked to leave; null: it did not. */
  latest: Map<number, number> | null
}

/** One connection, from hello to end. */
interface Life {
  readonly number: number
  readonly port: number
  readonly openedMs: number
  endMs: number
  isClosed: boolean
  isSlow: boolean
  isComplete: boolean
  isHit: boolean
  readonly sent: Map<number, Sent>
  readonly refused: Set<number>
  readonly stays: Stay[]
  readonly received: Row[]
  /** The latest message of each publisher. */
  readonly latest: Map<number, number>
}

/** Judges what was received by what was sent, who was where, and what was done to whom. */
export function check({ rows, server, cuts, killedMs }: Books): Verdict {
  const violations = new Violations()
  const lives = readLives(rows, violations)
  const main = lifeOfMain(server)
  lives.set(MAIN, main)
  judgeEnds(lives, rows, server.hits, cuts, violations)
  for (const life of lives.values()) {
    if (life.isClosed) continue
    life.endMs = killedMs(life.number) ?? life.endMs
    life.isClosed = life.endMs < Infinity
  }
  for (const life of lives.values()) judgeOrder(life, lives, violations)
  const figures = count(lives, violations)
  if (figures.dropped > server.drops.slowConsumer) {
    violations.add('lost', `slow readers lack ${figures.dropped} messages, ${server.drops.slowConsumer} were counted`)
  }
  if (figures.refused > 0 && server.drops.link + server.drops.backpressure === 0) {
    violations.add('uncounted', `${figures.refused} refusals that are not counted`)
  }
  for (const fault of server.faults) violations.add('server', fault)
  return { violations, figures }
}

function readLives(rows: readonly Row[], violations: Violations): Map<number, Life> {
  const lives = new Map<number, Life>()
  for (const row of rows) {
    if (row.entry === Entry.Opened) lives.set(row.client, newLife(row.client, row.ms, row.value))
    const life = lives.get(row.client)
    if (life !== undefined) readRow(life, row, violations)
  }
  return lives
}

function readRow(life: Life, row: Row, violations: Violations): void {
  const { entry, ms, room, seq, value } = row
  const stay = life.stays.findLast((each) => each.room === room)
  switch (entry) {
    case Entry.Sent:
      life.sent.set(seq, { publisher: life.number, seq, ms, room, kind: row.kind, target: value })
      break
    case Entry.JoinAsked:
      life.stays.push({ room, joinedMs: Infinity, endMs: Infinity, latest: null })
      break
    case Entry.Joined:
      if (value !== 1) violations.add('join', `client ${life.number} was refused by room ${room}`)
      else if (stay !== undefined) stay.joinedMs = ms
      break
    case Entry.LeaveAsked:
      if (stay !== undefined) Object.assign(stay, { endMs: ms, latest: new Map(life.latest) })
      break
    case Entry.Left:
      if (value !== 1) violations.add('leave', `client ${life.number} was not in room ${room}`)
      break
    case Entry.Refused:
      life.refused.add(seq)
      break
    case Entry.Ending:
      life.endMs = ms
      break
    case Entry.Closed:
      life.isClosed = true
      life.endMs = Math.min(life.endMs, ms)
      break
    case Entry.Slow:
      life.isSlow = true
      break
    case Entry.Complete:
      life.isComplete = true
      break
    case Entry.Damaged:
      violations.add('damaged', `client ${life.number} got a message with a wrong checksum`)
      break
    case Entry.Received:
      life.latest.set(row.publisher, Math.max(life.latest.get(row.publisher) ?? 0, seq))
      break
    default:
  }
  if (entry === Entry.Received || entry === Entry.JoinAsked || entry === Entry.Left) life.received.push(row)
}

function newLife(number: number, openedMs: number, port = 0): Life {
  return {
    number,
    port,
    openedMs,
    endMs: Infinity,
    isClosed: false,
    isSlow: false,
    isComplete: false,
    isHit: false,
    sent: new Map(),
    refused: new Set(),
    stays: [],
    received: [],
    latest: new Map(),
  }
}

function lifeOfMain({ sent }: ServerBook): Life {
  const life = { ...newLife(MAIN, 0), isComplete: true }
  for (const { seq, room, ms, isRefused } of sent) {
    life.sent.set(seq, { publisher: MAIN, seq, ms, room, kind: Kind.Publish, target: 0 })
    if (isRefused) life.refused.add(seq)
  }
  return life
}

/** Nobody's connection ends but by its own will, with its shard, by the network, or because it did not read. */
function judgeEnds(
  lives: Map<number, Life>,
  rows: readonly Row[],
  hits: readonly Hit[],
  cuts: readonly Cut[],
  violations: Violations,
): void {
  for (const { entry, client, ms, value, seq } of rows) {
    const life = lives.get(client)
    if (entry !== Entry.Closed || life === undefined) continue
    life.isHit = isExplained(hits, client, life.openedMs, ms)
    if (seq === 1 || life.isHit || life.isSlow || cuts.some((cut) => isCut(cut, life, ms))) continue
    violations.add('disturbed', `client ${client} was closed with ${value}, and nothing had happened to its shard`)
  }
}

/** Whether the network has ended this connection; later ones may have the same port. */
export function isCut(cut: Cut, { port, openedMs }: Pick<Life, 'port' | 'openedMs'>, closedMs: number): boolean {
  return cut.port === port && openedMs <= cut.ms + MARGIN_MS && closedMs >= cut.ms - MARGIN_MS
}

/** Whether a shard that was told to end has taken this connection with it. */
export function isExplained(hits: readonly Hit[], client: number, openedMs: number, closedMs: number): boolean {
  return hits.some(({ clients, fromMs, untilMs }) => {
    if (closedMs < fromMs - MARGIN_MS || closedMs > untilMs + NOTICE_MS) return false
    if (openedMs > untilMs + MARGIN_MS) return false
    return clients === null || clients.includes(client) || openedMs >= fromMs - MARGIN_MS
  })
}

/** Of each publisher in the order of its sending, each once, only what it has sent, and nothing in rooms that were not joined. */
function judgeOrder(life: Life, lives: ReadonlyMap<number, Life>, violations: Violations): void {
  const latest = new Map<number, number>()
  const seen = new Map<number, number>()
  const rooms = new Set<number>()
  for (const { entry, room, kind, publisher, seq, ms } of life.received) {
    if (entry === Entry.JoinAsked) rooms.add(room)
    else if (entry === Entry.Left) rooms.delete(room)
    if (entry !== Entry.Received) continue
    const what = `client ${life.number}: message ${seq} of ${publisher}`
    const last = latest.get(publisher) ?? 0
    const key = keyOf(publisher, seq)
    if (seen.has(key))
      violations.add('duplicate', `${what}, of kind ${kind}, again after ${ms - (seen.get(key) ?? 0)} ms`)
    else if (seq < last) violations.add('order', `${what} behind ${last}`)
    seen.set(key, ms)
    latest.set(publisher, Math.max(last, seq))
    if (kind === Kind.Final && publisher === MAIN) continue
    const sent = lives.get(publisher)?.sent.get(seq)
    if (sent === undefined || sent.room !== room || sent.kind !== kind) violations.add('invented', what)
    else if (kind === Kind.Publish && !rooms.has(room)) violations.add('stranger', `${what}, for room ${room}`)
    else if (kind === Kind.Direct && sent.target !== life.number)
      violations.add('stranger', `${what}, for ${sent.target}`)
  }
}

/** Adds up who must have got what, and who has. */
function count(lives: ReadonlyMap<number, Life>, violations: Violations): Figures {
  const figures: Figures = {
    lives: lives.size - 1,
    sent: 0,
    expected: 0,
    received: 0,
    dropped: 0,
    endedMembers: 0,
    endedPublishers: 0,
    refused: 0,
    atBoundaries: 0,
  }
  const byRoom = new Map<number, Sent[]>()
  const direct = new Map<number, Sent[]>()
  for (const life of lives.values()) {
    for (const sent of life.sent.values()) {
      figures.sent++
      // Who has just closed cannot be sent to: that is no refusal that is counted.
      if (life.refused.has(sent.seq)) figures.refused += Number(sent.kind !== Kind.Direct)
      else if (sent.kind === Kind.Direct) listOf(direct, sent.target).push(sent)
      else listOf(byRoom, sent.room).push(sent)
    }
  }
  const handled = handledBy(lives)
  for (const life of lives.values()) {
    if (life.number === MAIN) continue
    const account = { lives, handled, figures, violations, got: keysOf(life.received) }
    const everywhere: Stay = { room: NO_ROOM, joinedMs: life.openedMs, endMs: Infinity, latest: null }
    const own = direct.get(life.number) ?? []
    for (const stay of life.stays) settle(life, stay, byRoom.get(stay.room) ?? [], account)
    settle(life, everywhere, [...(byRoom.get(NO_ROOM) ?? []), ...own], account)
    figures.atBoundaries += account.got.size
  }
  figures.atBoundaries -= figures.received
  return figures
}

interface Account {
  readonly lives: ReadonlyMap<number, Life>
  /** The last message of each publisher that anybody has got. */
  readonly handled: ReadonlyMap<number, number>
  readonly figures: Figures
  readonly violations: Violations
  /** What this client has got. */
  readonly got: ReadonlySet<number>
}

function settle(life: Life, stay: Stay, all: readonly Sent[], account: Account): void {
  const { figures, got } = account
  const until = Math.min(stay.endMs, life.endMs)
  for (const sent of all) {
    const isGot = got.has(keyOf(sent.publisher, sent.seq))
    if (sent.ms <= stay.joinedMs + MARGIN_MS || sent.ms >= until - MARGIN_MS) continue
    if (!isGot) explain(life, stay, sent, account)
    else {
      figures.expected++
      figures.received++
    }
  }
}

/** A member has not got a message. */
function explain(life: Life, stay: Stay, sent: Sent, { lives, handled, figures, violations }: Account): void {
  const { publisher, seq, room } = sent
  const sender = lives.get(publisher) as Life
  const isBehind = seq < ((stay.latest ?? life.latest).get(publisher) ?? 0)
  // It may have been handled when the member had left, though it was sent before.
  if (!isBehind && stay.latest !== null) return
  figures.expected++
  const isLastWord = !sender.isComplete && (sender.isHit || seq > (handled.get(publisher) ?? 0))
  if (!isBehind && !life.isComplete && life.isClosed) figures.endedMembers++
  else if (!isBehind && isLastWord) figures.endedPublishers++
  else if (life.isSlow) figures.dropped++
  else {
    const what = room === NO_ROOM ? 'it' : `room ${room}`
    violations.add('lost', `client ${life.number} lacks message ${seq} of ${publisher} to ${what}`)
  }
}

function keysOf(received: readonly Row[]): Set<number> {
  const messages = received.filter(({ entry }) => entry === Entry.Received)
  return new Set(messages.map(({ publisher, seq }) => keyOf(publisher, seq)))
}

function handledBy(lives: ReadonlyMap<number, Life>): Map<number, number> {
  const handled = new Map<number, number>()
  for (const { received } of lives.values()) {
    for (const { entry, publisher, seq } of received) {
      if (entry === Entry.Received) handled.set(publisher, Math.max(handled.get(publisher) ?? 0, seq))
    }
  }
  return handled
}

/** Of publishers up to 2^32, with up to 2^21 messages each: what is larger is no safe integer. */
function keyOf(publisher: number, seq: number): number {
  return publisher * 2 ** 21 + seq
}

function listOf<Value>(lists: Map<number, Value[]>, key: number): Value[] {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  return list
}
