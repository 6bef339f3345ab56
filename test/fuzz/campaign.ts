import { play, playAll } from './play.ts'
import { type Session, saveToCorpus } from './session.ts'
import { Target } from './target.ts'

/** Sessions between two looks at the whole. */
export const BATCH = 200

export interface Finding {
  /** Null: no session does it alone. */
  readonly session: Session | null
  readonly what: readonly string[]
}

export interface Tally {
  sessions: number
  readonly statuses: Map<number, number>
  readonly closeCodes: Map<string, number>
}

/** Plays sessions against one target, and finds out which of them is to blame for what. */
export class Campaign {
  readonly tally: Tally = { sessions: 0, statuses: new Map(), closeCodes: new Map() }
  readonly findings: Finding[] = []
  readonly #shards: number
  #target: Target

  static async start(shards: number): Promise<Campaign> {
    return new Campaign(shards, await Target.start(shards))
  }

  private constructor(shards: number, target: Target) {
    this.#shards = shards
    this.#target = target
  }

  /** Plays all of them, then looks at the whole. What is wrong is in `findings`. */
  async run(sessions: readonly Session[]): Promise<void> {
    const before = this.findings.length
    await playAll(sessions, (session) => this.#play(session))
    const what = await this.#target.findings()
    if (what.length === 0) return
    // What a session saw itself is what it did to the whole, most likely.
    if (this.findings.length > before) this.findings.push({ session: null, what })
    else await this.#blame(sessions, what)
    await this.#restart()
  }

  async stop(): Promise<void> {
    const what = await this.#target.stop()
    if (what.length > 0 && this.findings.length === 0) this.findings.push({ session: null, what })
  }

  async #play(session: Session): Promise<void> {
    const outcome = await play(session, this.#target.process.ports[session.server])
    this.tally.sessions += 1
    count(this.tally.statuses, outcome.status)
    if (outcome.status === 101) count(this.tally.closeCodes, String(outcome.closeCode ?? 'none'))
    if (outcome.findings.length > 0) this.findings.push({ session, what: outcome.findings })
  }

  /** Plays them one by one, each with a look at the whole. */
  async #blame(sessions: readonly Session[], what: readonly string[]): Promise<void> {
    await this.#restart()
    for (const session of sessions) {
      await this.#play(session)
      const alone = await this.#target.findings()
      if (alone.length === 0) continue
      this.findings.push({ session, what: alone })
      return
    }
    this.findings.push({ session: null, what })
  }

  async #restart(): Promise<void> {
    await this.#target.stop()
    this.#target = await Target.start(this.#shards)
  }
}

/** What to do to see it again. A session that was generated is kept in the corpus. */
export function tell({ session, what }: Finding, sessions: readonly Session[], isKept: boolean): string {
  const lines = what.map((one) => `  ${one}`)
  if (session === null) {
    const [first, last] = [sessions[0]?.name, sessions.at(-1)?.name]
    return [`FOUND in none of the sessions ${first} to ${last} alone`, ...lines].join('\n')
  }
  const isFile = session.name.startsWith('corpus/')
  const [seed, index] = session.name.split(':')
  const command = isFile ? `--corpus ${session.name.slice('corpus/'.length)}` : `--seed ${seed} --session ${index}`
  lines.push(`  again: npm run fuzz -- ${command}`)
  if (isKept && !isFile) lines.push(`  kept: ${saveToCorpus(session, what[0] ?? '')}`)
  return [`FOUND by ${session.name} on ${session.server}`, ...lines].join('\n')
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
