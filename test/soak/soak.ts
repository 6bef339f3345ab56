import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { Random } from '../fuzz/random.ts'
import { BadNetwork } from './bad-network.ts'
import { type Action, describeAction, type Misfortune, planChaos } from './chaos.ts'
import { type Books, check, type Figures, type Violations } from './check.ts'
import { Controls } from './controls.ts'
import { Talker } from './conversation.ts'
import { Crowds } from './crowds.ts'
import { type FaultTimes, faultTimes } from './fault-times.ts'
import { type Attack, Hostiles, judgeAttack } from './hostile.ts'
import type { Mutant } from './mutants.ts'
import type { Scenario } from './scenario.ts'
import type { AtRest, ServerBook } from './server-book.ts'
import { hasPrlimit, judgeShortage, runShort, type Shortage } from './shortage.ts'

const SERVER_FILE = new URL('./server-process-main.js', import.meta.url)
/** When nothing has changed for so long, nothing does any more. */
const QUIET_MS = 1000
const SLOW_MS = 1500
const NO_ATTACK: Attack = { sessions: 0, opened: 0, findings: [] }
/** glibc keeps what ended threads have freed in their arenas. With one arena for all, memory that grows is the server's. */
const ONE_ARENA = { MALLOC_ARENA_MAX: '1' }
/** A room that only slow readers are in: the one behind the others. */
const slowRoom = ({ rooms }: Scenario): number => rooms

export interface SoakOptions {
  readonly scenario: Scenario
  readonly seed: string
  readonly durationMs: number
  /** The server has this defect. */
  readonly mutant?: Mutant
  readonly say?: (line: string) => void
  /** What was written down in each round. */
  readonly onBooks?: (books: Books) => void
}

export interface RoundReport {
  readonly figures: Figures
  readonly server: Pick<ServerBook, 'drops' | 'counts'>
  readonly times: readonly FaultTimes[]
  readonly actions: readonly string[]
  readonly directoryMs: number
  readonly atRest: AtRest
  readonly shortages: readonly Shortage[]
  readonly attack: Omit<Attack, 'findings'>
  readonly violations: Readonly<Record<string, number>>
  readonly examples: readonly string[]
}

export interface SoakReport {
  readonly seed: string
  readonly scenario: Scenario
  readonly rounds: readonly RoundReport[]
  readonly baseline: AtRest
  readonly longestControlGapMs: number
  readonly echoes: number
  /** Misfortunes that this machine does not allow, with the reason. */
  readonly leftOut: Readonly<Record<string, string>>
  /** Not of a round: the end of the server. */
  readonly atTheEnd: readonly string[]
  readonly elapsedMs: number
}

/** Plays rounds of load and misfortune on one server, and judges each of them when everything has come to rest. */
export class Soak {
  readonly #options: SoakOptions
  readonly #server: Talker
  readonly #folder = mkdtempSync(join(tmpdir(), 'shardws-soak-'))
  #port = 0
  #processes = 0
  #network: BadNetwork | null = null
  #hostiles: Hostiles | null = null
  #shortages: Shortage[] = []
  #leftOut: Readonly<Record<string, string>> = {}
  #controls: Controls | null = null

  constructor(options: SoakOptions) {
    this.#options = options
    const mutant: Record<string, string> = options.mutant === undefined ? {} : { SOAK_MUTANT: options.mutant }
    this.#server = new Talker(SERVER_FILE, { ...ONE_ARENA, ...mutant })
  }

  async run(): Promise<SoakReport> {
    const { scenario, seed, durationMs } = this.#options
    const startMs = performance.now()
    this.#port = await this.#server.ask<number>('start', { shards: scenario.shards, seed })
    this.#network = await BadNetwork.open(this.#port, new Random(`${seed} network`))
    this.#controls = await Controls.open(this.#port, scenario.shards)
    this.#hostiles = new Hostiles(this.#port, seed)
    if (!(await hasPrlimit())) this.#leftOut = { 'no-descriptors': 'there is no prlimit' }
    const baseline = await this.#warmUp()
    const rounds: RoundReport[] = []
    do rounds.push(await this.#round(rounds.length + 1, baseline))
    while (performance.now() - startMs < durationMs)
    await this.#controls.close()
    await this.#network.close()
    const atTheEnd = await this.#end()
    const { longestGapMs: longestControlGapMs, echoes } = this.#controls
    const elapsedMs = performance.now() - startMs
    const leftOut = this.#leftOut
    return { seed, scenario, rounds, baseline, longestControlGapMs, echoes, leftOut, atTheEnd, elapsedMs }
  }

  /** Some clients come and go, and every shard is replaced once: what is at rest now is so after every round. */
  async #warmUp(): Promise<AtRest> {
    const { scenario } = this.#options
    if (!scenario.hasBaseline) return this.#server.ask<AtRest>('atRest')
    const crowds = await this.#startCrowds({ ...scenario, processes: 1, clientsPerProcess: 20 }, 'warm-up')
    await crowds.end()
    await this.#server.ask('reload')
    let former = await this.#restAfter(null, [])
    // What has ended goes in its own time.
    for (;;) {
      await after(QUIET_MS)
      const now = await this.#server.ask<AtRest>('atRest')
      if (now.threads === former.threads && now.descriptors === former.descriptors) return now
      former = now
    }
  }

  async #round(number: number, baseline: AtRest): Promise<RoundReport> {
    const { scenario, seed, say = () => {} } = this.#options
    const { roundMs, shards, mainPerSecond, rooms, limits, hasMoves } = scenario
    const crowds = await this.#startCrowds(scenario, `round ${number}`)
    await this.#server.ask('begin', { perSecond: mainPerSecond, rooms })
    await crowds.publish()
    // The network draws as often as bytes pass: from a source of its own, or no plan would come twice.
    const plan = planChaos(new Random(`${seed} chaos ${number}`), scenario)
    const actions = await this.#play(plan, roundMs, crowds)
    if (hasMoves) await this.#server.ask('resize', shards)
    const unsettled = await crowds.settle(() => this.#server.ask('final'))
    const [directoryMs, misplaced] = await this.#compareDirectory(crowds)
    const server = await this.#server.ask<ServerBook>('book')
    await crowds.end()
    const cuts = this.#network?.takeCuts() ?? []
    const books = { rows: crowds.rows(), server, cuts, killedMs: (client: number) => crowds.killedMs(client) }
    this.#options.onBooks?.(books)
    const { violations, figures } = check(books)
    this.#controls?.judge(server.hits, violations)
    const { findings, ...attack } = this.#hostiles?.take() ?? NO_ATTACK
    judgeAttack({ findings, ...attack }, violations)
    const shortages = this.#shortages.splice(0)
    for (const shortage of shortages) judgeShortage(shortage, violations)
    for (const text of unsettled) violations.add('unsettled', text)
    for (const text of misplaced) violations.add('directory', text)
    if (directoryMs > limits.directoryMs) violations.add('directory', `the truth only after ${directoryMs} ms`)
    const recoveries = shortages.map(({ recoveryMs }) => ({ kind: 'no-descriptors', recoveryMs }))
    const times = [...faultTimes(books), ...recoveries]
    for (const { kind, recoveryMs = 0 } of times) {
      if (recoveryMs > limits.recoveryMs) violations.add('recovery', `${recoveryMs} ms after ${kind}`)
    }
    const excess: string[] = []
    const atRest = await this.#restAfter(baseline, excess)
    for (const text of excess) violations.add('at rest', text)
    this.#tidy(violations, number, say)
    const { drops, counts } = server
    return {
      figures,
      server: { drops, counts },
      times,
      actions,
      directoryMs,
      atRest,
      shortages,
      attack,
      violations: violations.counts,
      examples: violations.examples,
    }
  }

  async #startCrowds(scenario: Scenario, name: string): Promise<Crowds> {
    const folder = join(this.#folder, name.replace(' ', '-'))
    mkdirSync(folder)
    const badPort = this.#network?.port ?? this.#port
    const setup = { port: this.#port, badPort, seed: `${this.#options.seed} ${name}`, scenario, folder }
    const crowds = await Crowds.start(setup, this.#processes)
    this.#processes = crowds.processes + 1000
    return crowds
  }

  /** One after the other; what takes longer than planned delays the next. Returns what was done. */
  async #play(plan: readonly Action[], roundMs: number, crowds: Crowds): Promise<string[]> {
    const startMs = performance.now()
    const elapsed = (): number => performance.now() - startMs
    const done: string[] = []
    for (const { atMs, misfortune } of plan) {
      if (misfortune.name in this.#leftOut) continue
      if (elapsed() > roundMs) break
      await after(Math.max(0, atMs - elapsed()))
      const text = describeAction(misfortune)
      this.#options.say?.(`  ${(elapsed() / 1000).toFixed(1)} s: ${text}`)
      done.push(text)
      await this.#strike(misfortune, crowds)
    }
    await after(Math.max(0, roundMs - elapsed()))
    return done
  }

  async #strike(misfortune: Misfortune, crowds: Crowds): Promise<void> {
    const server = this.#server
    switch (misfortune.name) {
      case 'kill':
      case 'kill-in-move':
      case 'evacuate':
        await server.ask(misfortune.name, misfortune)
        break
      case 'resize':
        await server.ask('resize', misfortune.shards)
        break
      case 'reload':
      case 'rebalance':
        await server.ask(misfortune.name)
        break
      case 'block-main':
        await server.ask('block', misfortune.ms)
        break
      case 'reset':
        await crowds.reset(misfortune.count)
        break
      case 'reconnect':
        await crowds.reconnect()
        break
      case 'kill-clients':
        await crowds.kill(misfortune.pick)
        break
      case 'pause-clients':
        await crowds.pause(misfortune.pick, misfortune.ms)
        break
      case 'stall':
      case 'storm':
        await this.#network?.[misfortune.name](misfortune.ms)
        break
      case 'break':
        this.#network?.break(misfortune.count)
        break
      case 'half-close':
        this.#network?.halfClose(misfortune.count)
        break
      case 'slow-readers':
        await crowds.slow(misfortune.count, slowRoom(this.#options.scenario), SLOW_MS)
        await server.ask('burst', { room: slowRoom(this.#options.scenario), messages: misfortune.messages })
        break
      case 'no-descriptors':
        await this.#runShort(misfortune)
        break
      case 'hostile':
        await this.#hostiles?.play(misfortune.sessions)
        break
      case 'hostile-in-move':
        await Promise.all([server.ask(misfortune.move), this.#hostiles?.play(misfortune.sessions)])
        break
    }
  }

  async #runShort({ ms, spare }: { ms: number; spare: number }): Promise<void> {
    const controls = this.#controls as Controls
    this.#shortages.push(await runShort({ pid: this.#server.pid, port: this.#port, ms, spare, controls }))
  }

  /** Returns how long it took main to know the truth of all rooms, and what it does not know by then. */
  async #compareDirectory(crowds: Crowds): Promise<[ms: number, wrong: string[]]> {
    const truth = await crowds.members()
    const startMs = performance.now()
    for (;;) {
      const wrong = differences(truth, await this.#server.ask<[string, string[]][]>('directory'))
      const ms = Math.round(performance.now() - startMs)
      if (wrong.length === 0 || ms > this.#options.scenario.limits.directoryMs) return [ms, wrong]
      await after(10)
    }
  }

  /** Waits until everything is as it was, or notes what is not. */
  async #restAfter(baseline: AtRest | null, excess: string[]): Promise<AtRest> {
    const end = performance.now() + this.#options.scenario.limits.restMs
    for (;;) {
      const now = await this.#server.ask<AtRest>('atRest')
      const wrong = this.#excessOf(now, baseline)
      if (wrong.length === 0 || performance.now() > end) {
        excess.push(...wrong)
        return now
      }
      await after(100)
    }
  }

  #excessOf(now: AtRest, baseline: AtRest | null): string[] {
    const controls = this.#controls?.count ?? 0
    const { shards, hasBaseline } = this.#options.scenario
    const wrong: string[] = []
    const expect = (name: keyof AtRest, value: number): void => {
      if (now[name] !== value) wrong.push(`${name} is ${now[name]}, not ${value}`)
    }
    if (controls !== shards) wrong.push(`${controls} controls are connected, not ${shards}`)
    expect('connections', controls)
    expect('openForMain', controls)
    for (const name of ['rooms', 'memberships', 'queuedBytes', 'zombies'] as const) expect(name, 0)
    for (const name of ['threads', 'descriptors'] as const) {
      if (hasBaseline && baseline !== null && now[name] > baseline[name]) expect(name, baseline[name])
    }
    return wrong
  }

  async #end(): Promise<string[]> {
    await this.#server.ask('shutdown')
    const code = await this.#server.ended(20_000)
    rmSync(this.#folder, { recursive: true, force: true })
    return code === 0 ? [] : [`the server process ended with ${code ?? 'a signal'}: ${this.#server.output}`]
  }

  #tidy(violations: Violations, number: number, say: (line: string) => void): void {
    const texts = violations.isEmpty ? ['nothing is wrong'] : violations.examples
    for (const text of texts) say(`  round ${number}: ${text}`)
    rmSync(join(this.#folder, `round-${number}`), { recursive: true, force: true })
  }
}

function differences(
  truth: ReadonlyMap<string, ReadonlySet<string>>,
  directory: readonly [string, string[]][],
): string[] {
  const wrong: string[] = []
  const known = new Map(directory.map(([room, ids]) => [room, new Set(ids)]))
  for (const [room, ids] of truth) {
    for (const id of ids) if (!known.get(room)?.has(id)) wrong.push(`${id} is in ${room}, and main does not know it`)
  }
  for (const [room, ids] of known) {
    for (const id of ids) if (!truth.get(room)?.has(id)) wrong.push(`${id} is not in ${room}, and main thinks so`)
  }
  return wrong
}
