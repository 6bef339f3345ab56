import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { explain } from '../explain.ts'
import { OutgoingConnection } from '../outgoing-connection.ts'
import type { OpeningRequest } from '../outgoing-request.ts'
import { EchoLane, type LaneHost } from './echo-lane.ts'
import { Latencies } from './latencies.ts'
import type { LoadPlan, LoadResult } from './load-plan.ts'
import { Pace } from './pace.ts'

/** Opened at a time: below every listen backlog. */
const OPENED_AT_ONCE = 50
/** Between two looks at whether it is over. */
const LOOK_MS = 50
/** For the closing handshakes. */
const CLOSE_MS = 2000

/** The connections of one thread, and what they measure. */
export class Load implements LaneHost {
  readonly plan: LoadPlan
  /** By kind. */
  readonly errors: Record<string, number> = {}
  readonly #opening: OpeningRequest
  readonly #lanes: EchoLane[] = []
  readonly #latencies = new Latencies()
  readonly #handshakes = new Latencies()
  #pace: Pace | null = null
  #open = 0
  #sent = 0
  #verified = 0
  #mayMore = true
  #startedMs = 0
  #lastEchoMs = 0

  constructor(plan: LoadPlan) {
    this.plan = plan
    this.#opening = { ...plan.opening, url: new URL(plan.opening.url) }
  }

  get open(): number {
    return this.#open
  }

  get verified(): number {
    return this.#verified
  }

  /** Resolves when every connection is open or has failed. */
  async openAll(): Promise<void> {
    const { connections, size } = this.plan
    // Digits, so that the same bytes are text.
    const payload = Buffer.from(
      randomBytes(Math.ceil(size / 2))
        .toString('hex')
        .slice(0, size),
    )
    for (let begun = 0; begun < connections && this.#mayMore; begun += OPENED_AT_ONCE) {
      const count = Math.min(OPENED_AT_ONCE, connections - begun)
      await Promise.all(Array.from({ length: count }, () => this.#openOne(payload)))
    }
  }

  /** Sends and awaits echoes until the plan is fulfilled, `stop` is called, or nothing comes any more; then closes everything. */
  async run(): Promise<LoadResult> {
    const { rate, durationMs } = this.plan
    const endMs = durationMs ?? Number.POSITIVE_INFINITY
    this.#startedMs = this.#lastEchoMs = performance.now()
    const idle = performance.eventLoopUtilization()
    if (rate === null) for (const lane of this.#lanes) this.#fill(lane)
    else this.#pace = new Pace(this.#lanes, rate, () => this.#takeTurn())
    await this.#until(() => !this.#mayMore || this.#isSent || performance.now() - this.#startedMs >= endMs)
    const { utilization } = performance.eventLoopUtilization(idle)
    this.#mayMore = false
    this.#pace?.stop()
    await this.#until(() => this.#awaited() === 0)
    const elapsedMs = this.#lastEchoMs - this.#startedMs
    const unanswered = this.#sent - this.#verified
    await this.#closeAll()
    return {
      sent: this.#sent,
      verified: this.#verified,
      unanswered,
      overdue: this.#pace?.overdue ?? 0,
      errors: this.errors,
      elapsedMs,
      latencies: this.#latencies.counts(),
      handshakes: this.#handshakes.counts(),
      utilization,
    }
  }

  /** No more is sent; what is under way is awaited. */
  stop(): void {
    this.#mayMore = false
  }

  onEcho(lane: EchoLane, dueMs: number): void {
    this.#lastEchoMs = performance.now()
    this.#verified += 1
    this.#latencies.record((this.#lastEchoMs - dueMs) * 1000)
    if (this.#pace === null) this.#fill(lane)
    else this.#pace.pump(lane.index)
  }

  onError(kind: string): void {
    this.errors[kind] = (this.errors[kind] ?? 0) + 1
  }

  onClosed(): void {
    this.#open -= 1
  }

  async #openOne(payload: Buffer): Promise<void> {
    const lane = new EchoLane(this, payload)
    const beganMs = performance.now()
    try {
      const connection = await OutgoingConnection.open(this.#opening, lane)
      lane.begin(connection, this.#lanes.length)
      this.#lanes.push(lane)
    } catch (error) {
      return this.onError(explain(error))
    }
    this.#handshakes.record((performance.now() - beganMs) * 1000)
    this.#open += 1
  }

  get #isSent(): boolean {
    return this.plan.messages !== null && this.#sent >= this.plan.messages
  }

  #takeTurn(): boolean {
    if (!this.#mayMore || this.#isSent) return false
    this.#sent += 1
    return true
  }

  /** As many as may be under way. */
  #fill(lane: EchoLane): void {
    while (lane.canSend && this.#takeTurn()) lane.send(performance.now())
  }

  /** Echoes that may still come. */
  #awaited(): number {
    return this.#lanes.reduce((sum, lane) => sum + (lane.isOpen ? lane.missing : 0), 0)
  }

  /** Until it is so, or nobody is left, or nothing has come for too long. */
  #until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        const isSilent = performance.now() - this.#lastEchoMs > this.plan.patienceMs && this.#awaited() > 0
        if (!isSo() && !isSilent && this.#lanes.some((lane) => lane.isOpen)) return
        clearInterval(timer)
        resolve()
      }
      const timer = setInterval(look, LOOK_MS)
    })
  }

  async #closeAll(): Promise<void> {
    for (const lane of this.#lanes) lane.end()
    const deadline = performance.now() + CLOSE_MS
    while (this.#open > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    for (const lane of this.#lanes) lane.destroy()
  }
}
