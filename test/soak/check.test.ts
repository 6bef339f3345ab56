/** The checker on ledgers made by hand: what is right passes, and whatever is wrong has its name. */
import t from 'tap'
import type { Cut } from './bad-network.ts'
import { describeAction } from './chaos.ts'
import { type Books, check, isExplained, Violations } from './check.ts'
import { faultTimes, kindOf } from './fault-times.ts'
import { judgeAttack } from './hostile.ts'
import { Entry, type Row } from './ledger.ts'
import { Kind, MAIN, NO_ROOM } from './message.ts'
import type { Hit, ServerBook } from './server-book.ts'
import { judgeShortage, type Shortage } from './shortage.ts'

const [ADA, BEA, CARL] = [1, 2, 3]
const ROOM = 7
const SERVER: ServerBook = {
  sent: [],
  hits: [],
  evacuationsMs: [],
  closes: [],
  drops: { slowConsumer: 0, backpressure: 0, link: 0 },
  faults: [],
  counts: {},
}

/** A round of three clients in one room; times count from 0 in steps of 100. */
class Round {
  readonly rows: Row[] = []
  readonly cuts: Cut[] = []
  #ms = 0

  /** Ports of the clients begin behind this one. */
  constructor(ports = 0) {
    for (const client of [ADA, BEA, CARL]) {
      this.note(Entry.Opened, client, { value: ports + client }).note(Entry.JoinAsked, client, { room: ROOM })
      this.note(Entry.Joined, client, { room: ROOM, value: 1 })
    }
  }

  note(entry: Entry, client: number, details: Partial<Row> = {}): this {
    this.#ms += 100
    this.rows.push({ entry, client, ms: this.#ms, room: -1, kind: 0, publisher: -1, seq: 0, value: 0, ...details })
    return this
  }

  send(seq: number, details: Partial<Row> = {}): this {
    return this.note(Entry.Sent, ADA, { room: ROOM, kind: Kind.Publish, publisher: ADA, seq, ...details })
  }

  arrive(client: number, seq: number, details: Partial<Row> = {}): this {
    return this.note(Entry.Received, client, { room: ROOM, kind: Kind.Publish, publisher: ADA, seq, ...details })
  }

  /** Everybody gets it. */
  publish(seq: number): this {
    this.send(seq)
    for (const client of [ADA, BEA, CARL]) this.arrive(client, seq)
    return this
  }

  close(client: number, code = 1006, isWanted = false): this {
    return this.note(Entry.Closed, client, { value: code, seq: Number(isWanted) })
  }

  /** The kinds of what is wrong; those that have not closed have everything. */
  wrong(server: Partial<ServerBook> = {}, killedMs: Books['killedMs'] = () => null): string[] {
    for (const client of [ADA, BEA, CARL]) {
      const isClosed = this.rows.some((row) => row.entry === Entry.Closed && row.client === client)
      if (!isClosed && killedMs(client) === null) this.note(Entry.Complete, client)
    }
    return Object.keys(this.verdict(server, killedMs).violations.counts)
  }

  verdict(server: Partial<ServerBook> = {}, killedMs: Books['killedMs'] = () => null): ReturnType<typeof check> {
    return check({ rows: this.rows, server: { ...SERVER, ...server }, cuts: this.cuts, killedMs })
  }
}

const hit = (clients: number[] | null): Hit => ({
  shard: 0,
  how: 'exit',
  fromMs: 1000,
  untilMs: 3000,
  detectionMs: 20,
  recoveryMs: 300,
  isMoving: clients === null,
  clients,
})

t.test('what is right passes, and everything is in the sum', async (t) => {
  const round = new Round().publish(1).publish(4).note(Entry.LeaveAsked, CARL, { room: ROOM })
  round.send(5).arrive(BEA, 5).arrive(ADA, 5).note(Entry.Left, CARL, { room: ROOM, value: 1 })
  t.same(round.wrong(), [])
  t.match(round.verdict().figures, { lives: 3, sent: 3, expected: 8, received: 8, dropped: 0, endedMembers: 0 })
})

t.test('what went wrong has a name', async (t) => {
  t.same(new Round().publish(1).send(2).arrive(ADA, 2).arrive(BEA, 2).wrong(), ['lost'], 'the last one')
  t.same(new Round().send(1).arrive(ADA, 1).arrive(BEA, 1).publish(2).wrong(), ['lost'], 'one in the middle')
  t.same(new Round().publish(1).arrive(BEA, 1).wrong(), ['duplicate'])
  const swapped = new Round().send(1).send(2)
  for (const client of [ADA, BEA]) swapped.arrive(client, 1).arrive(client, 2)
  t.same(swapped.arrive(CARL, 2).arrive(CARL, 1).wrong(), ['order'])
  t.same(new Round().publish(1).arrive(BEA, 9).wrong(), ['invented'])
  t.same(new Round().publish(1).arrive(BEA, 1, { publisher: 99 }).wrong(), ['invented'])
  t.same(new Round().note(Entry.Damaged, BEA).wrong(), ['damaged'])
  t.same(new Round().note(Entry.Joined, BEA, { room: 3 }).wrong(), ['join'])
  t.same(new Round().note(Entry.Left, BEA, { room: ROOM }).wrong(), ['leave'])
  t.same(new Round().close(BEA).wrong(), ['disturbed'])
  t.same(new Round().wrong({ faults: ['uncaughtException'] }), ['server'])
})

t.test('of publishers with large numbers, in late rounds, no two messages are one', async (t) => {
  const LATE = 4_000_000_001
  const late = (missing: number | null): string[] => {
    const round = new Round().note(Entry.Opened, LATE).note(Entry.JoinAsked, LATE, { room: ROOM })
    round.note(Entry.Joined, LATE, { room: ROOM, value: 1 })
    for (const seq of [1, 2, 3, 4]) {
      round.send(seq, { client: LATE, publisher: LATE })
      for (const client of [ADA, BEA, CARL, LATE]) {
        if (client !== BEA || seq !== missing) round.arrive(client, seq, { publisher: LATE })
      }
    }
    return round.note(Entry.Complete, LATE).wrong()
  }
  t.same(late(null), [])
  for (const missing of [1, 2, 3, 4]) t.same(late(missing), ['lost'], `${missing}`)
})

t.test('rooms that were not joined, and messages for others', async (t) => {
  const left = (): Round => {
    return new Round().note(Entry.LeaveAsked, CARL, { room: ROOM }).note(Entry.Left, CARL, { room: ROOM, value: 1 })
  }
  t.same(left().send(1).arrive(ADA, 1).arrive(BEA, 1).wrong(), [])
  t.same(left().publish(1).wrong(), ['stranger'])
  const direct = { kind: Kind.Direct, room: NO_ROOM }
  t.same(
    new Round()
      .send(1, { ...direct, value: BEA })
      .arrive(BEA, 1, direct)
      .wrong(),
    [],
  )
  t.same(
    new Round()
      .send(1, { ...direct, value: BEA })
      .arrive(BEA, 1, direct)
      .arrive(CARL, 1, direct)
      .wrong(),
    ['stranger'],
  )
  t.same(new Round().send(1, { ...direct, value: BEA }).wrong(), ['lost'])
})

t.test('who has ended may lack the end and nothing else', async (t) => {
  const ended = new Round().publish(1).send(2).arrive(ADA, 2).arrive(CARL, 2).close(BEA, 1006, true)
  t.same(ended.wrong(), [])
  t.match(ended.verdict().figures, { endedMembers: 1 })
  const gap = new Round().send(1).arrive(ADA, 1).arrive(CARL, 1).publish(2).close(BEA, 1006, true)
  t.same(gap.wrong(), ['lost'])
  const killed = new Round().publish(1).send(2).arrive(ADA, 2).arrive(CARL, 2)
  t.same(
    killed.wrong({}, (client) => (client === BEA ? 10_000 : null)),
    [],
  )
})

t.test('the last words of who has ended are lost to all or none, unless its shard died', async (t) => {
  t.same(new Round().publish(1).send(2).close(ADA, 1006, true).wrong(), [])
  const some = (): Round => new Round().publish(1).send(2).arrive(BEA, 2).close(ADA, 1006, true)
  t.same(some().wrong(), ['lost'])
  t.same(some().wrong({ hits: [hit([ADA])] }), [])
})

t.test('what main publishes, refusals and drops', async (t) => {
  const sent = [{ seq: 1, room: ROOM, ms: 950, isRefused: false }]
  t.same(new Round().wrong({ sent }), ['lost'])
  t.same(new Round().wrong({ sent: [{ ...sent[0]!, isRefused: true }] }), ['uncounted'])
  const refused = { sent: [{ ...sent[0]!, isRefused: true }], drops: { slowConsumer: 0, backpressure: 0, link: 1 } }
  t.same(new Round().wrong(refused), [])
  const slow = (): Round => {
    const round = new Round().note(Entry.Slow, BEA)
    for (const client of [ADA, CARL]) round.arrive(client, 1, { publisher: MAIN })
    return round
  }
  t.same(slow().wrong({ sent }), ['lost'], 'a drop that is not counted')
  t.same(slow().wrong({ sent, drops: { slowConsumer: 1, backpressure: 0, link: 0 } }), [])
})

t.test('a connection may end with its shard, or when it came to it while it died', async (t) => {
  t.ok(isExplained([hit([ADA])], ADA, 0, 1500))
  t.notOk(isExplained([hit([ADA])], BEA, 0, 1500))
  t.ok(isExplained([hit([ADA])], BEA, 1200, 1500))
  t.ok(isExplained([hit(null)], BEA, 0, 1500))
  t.notOk(isExplained([hit([ADA])], ADA, 0, 900), 'it ended before')
  t.notOk(isExplained([hit([ADA])], ADA, 0, 9000), 'it has survived that')
  t.notOk(isExplained([hit([ADA])], ADA, 3100, 3200), 'it came after')
})

t.test('what the network has cut is no fault of the server, and nothing else is explained by it', async (t) => {
  const cut = (port: number, ms: number): Round => {
    const round = new Round(100).close(BEA)
    round.cuts.push({ kind: 'break', port, ms })
    return round
  }
  t.same(cut(100 + BEA, 900).wrong(), [])
  t.same(cut(100 + CARL, 900).wrong(), ['disturbed'], 'another one')
  t.same(cut(100 + BEA, 100).wrong(), ['disturbed'], 'one before it, with the same port')
  t.same(cut(100 + BEA, 2000).wrong(), ['disturbed'], 'it had ended before')
})

t.test('without descriptors newcomers are sent away, and those who are there go on', async (t) => {
  const wrong = (details: Partial<Shortage>): string[] => {
    const violations = new Violations()
    const shortage = { newcomers: 9, letIn: 2, echoes: 40, controls: 4, recoveryMs: 5, ...details }
    judgeShortage(shortage, violations)
    return violations.examples
  }
  t.same(wrong({}), [])
  t.same(wrong({ letIn: 9 }), ['shortage: there was none: 9 of 9 newcomers were let in'])
  t.same(wrong({ echoes: 3 }), ['shortage: 4 controls got 3 echoes without descriptors'])
})

t.test('what hostile clients must not get, and that they were let in at all', async (t) => {
  const wrong = (opened: number, findings: string[]): string[] => {
    const violations = new Violations()
    judgeAttack({ sessions: 2, opened, findings }, violations)
    return violations.examples
  }
  t.same(wrong(1, []), [])
  t.same(wrong(1, ['session a:1: close code 1000']), ['hostile: session a:1: close code 1000'])
  t.same(wrong(0, []), ['hostile: none of 2 sessions was let in'])
})

t.test('what was done, and how long it took the server to notice and to get over it', async (t) => {
  const { rows } = new Round(100).note(Entry.Ending, ADA, { value: 1 }).note(Entry.Ending, BEA)
  const resetMs = rows.at(-2)?.ms ?? 0
  const cuts: Cut[] = [{ kind: 'half-close', port: 100 + BEA, ms: resetMs + 20 }]
  const server: ServerBook = {
    ...SERVER,
    hits: [hit([ADA]), hit(null)],
    evacuationsMs: [70],
    closes: [
      { client: ADA, ms: resetMs + 4 },
      { client: BEA, ms: resetMs + 50 },
      { client: CARL, ms: 2030 },
    ],
  }
  t.same(faultTimes({ rows, server, cuts, killedMs: (client) => (client === CARL ? 2000 : null) }), [
    { kind: 'kill exit', detectionMs: 20, recoveryMs: 300 },
    { kind: 'kill-in-move', detectionMs: 20, recoveryMs: 300 },
    { kind: 'evacuate', recoveryMs: 70 },
    { kind: 'reset', detectionMs: 4 },
    { kind: 'half-close', detectionMs: 30 },
    { kind: 'kill-clients', detectionMs: 30 },
  ])
  const actions = [{ name: 'kill', how: 'loop', pick: 3 } as const, { name: 'reset', count: 7 } as const]
  t.same(
    actions.map((action) => kindOf(describeAction(action))),
    ['kill loop', 'reset'],
  )
})
