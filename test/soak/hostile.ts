import { generateSession } from '../fuzz/generate.ts'
import { play, playAll } from '../fuzz/play.ts'
import type { Session } from '../fuzz/session.ts'
import type { Violations } from './check.ts'
import { decode } from './message.ts'

/** The sessions that were played in one round. */
export interface Attack {
  readonly sessions: number
  /** Of these, answered with 101. */
  readonly opened: number
  readonly findings: readonly string[]
}

/** Sessions of the fuzzer, beside the clients that behave and on a route of their own: what they must get back is known too. */
export class Hostiles {
  readonly #port: number
  readonly #seed: string
  #played = 0
  #sessions = 0
  #opened = 0
  #findings: string[] = []

  constructor(port: number, seed: string) {
    this.#port = port
    this.#seed = seed
  }

  /** So many that were not played before. Resolves when the last one has ended. */
  async play(count: number): Promise<void> {
    const sessions = Array.from({ length: count }, (_, at) => generateSession(this.#seed, this.#played + at))
    this.#played += count
    await playAll(sessions, async (session) => {
      const { findings, status } = await play(onRoute(session), this.#port, isOfTheSoak)
      this.#sessions++
      if (status === 101) this.#opened++
      this.#findings.push(...findings.map((finding) => `session ${session.name}: ${finding}`))
    })
  }

  /** What there was since the last call. */
  take(): Attack {
    const attack = { sessions: this.#sessions, opened: this.#opened, findings: this.#findings }
    this.#sessions = 0
    this.#opened = 0
    this.#findings = []
    return attack
  }
}

export function judgeAttack({ sessions, opened, findings }: Attack, violations: Violations): void {
  for (const finding of findings) violations.add('hostile', finding)
  if (sessions > 0 && opened === 0) violations.add('hostile', `none of ${sessions} sessions was let in`)
}

/** Where there are routes, even one for whatever there is, a path that cannot be decoded or is none has none. */
function onRoute(session: Session): Session {
  return { ...session, statuses: [...session.statuses, 404] }
}

/** What clients that behave and main send to everybody. */
function isOfTheSoak({ payload, isText }: { payload: Buffer; isText: boolean }): boolean {
  return decode(payload, isText) !== null
}
