import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { ReadyState } from '../src/shared/connection-table.ts'
import { Counter } from '../src/shared/counters.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import { FIN, Opcode } from '../src/shared/protocol/opcodes.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { ConnectionListener } from './connection-listener.ts'
import { ControlFrames, type ControlFramesSnapshot } from './control-frames.ts'
import type { Outbound } from './outbound.ts'

const PONG_FRAME = FIN | Opcode.PONG

export interface PingsSnapshot {
  readonly controls: ControlFramesSnapshot | null
  readonly awaitedPongs: number
  readonly isWatched: boolean
}

/** The connection that they keep alive. */
interface PingedConnection {
  readonly key: ConnectionKey
  readonly readyState: ReadyState
  readonly listener: ConnectionListener | null
  readonly outbound: Pick<Outbound, 'isBlocked' | 'ping' | 'sendControl'>
  /** The peer broke a rule: nothing more of it counts. */
  refuse(violation: ShardwsError): void
}

/** The pings and pongs of one connection, both ways: which of the peer's count, who hears of them, and the answers. */
export class Pings {
  readonly #connection: PingedConnection
  readonly #context: ConnectionContext
  /** Null until the peer has sent a ping or a pong, or was not read for a while. */
  #controls: ControlFrames | null = null
  /** Pings of ours that the peer has not answered. */
  #awaitedPongs = 0
  /** Main is to hear of them. */
  #isWatched = false

  constructor(connection: PingedConnection, context: ConnectionContext) {
    this.#connection = connection
    this.#context = context
  }

  snapshot(now: number): PingsSnapshot {
    return {
      controls: this.#controls?.snapshot(now) ?? null,
      awaitedPongs: this.#awaitedPongs,
      isWatched: this.#isWatched,
    }
  }

  restore({ controls, awaitedPongs, isWatched }: PingsSnapshot, now: number): void {
    if (controls !== null) this.#ensureControls().restore(controls, now)
    this.#awaitedPongs = awaitedPongs
    this.#isWatched = isWatched
  }

  watch(): void {
    this.#isWatched = true
  }

  send(payload: Uint8Array): void {
    if (!this.#connection.outbound.ping(payload)) return
    this.#context.counters.add(Counter.PINGS_SENT, 1)
    this.#awaitedPongs++
  }

  onPing(payload: Buffer): void {
    if (!this.#isAdmitted()) return
    const { key, listener } = this.#connection
    this.#answer(payload)
    if (this.#isWatched) this.#context.link.pinged(key, payload)
    listener?.pinged(payload)
  }

  onPong(payload: Buffer): void {
    // One that was asked for is no flood.
    if (this.#awaitedPongs > 0) this.#awaitedPongs--
    else if (!this.#isAdmitted()) return
    const { clock, counters, link, table } = this.#context
    const { key, listener } = this.#connection
    counters.add(Counter.PONGS_RECEIVED, 1)
    table.setLastPong(key, clock.epochMs)
    if (this.#isWatched) link.ponged(key, payload)
    listener?.ponged(payload)
  }

  /** The pong that was left out for want of reading can go now, or wait behind what is queued. */
  onQueueMoved(): void {
    const owed = this.#controls?.drain() ?? null
    if (owed !== null) this.#answer(owed)
  }

  /** The connection was not read for so long: what has piled up is no flood. */
  excuse(ms: number): void {
    this.#ensureControls().excuse(ms, this.#context.clock.now)
  }

  #answer(payload: Buffer): void {
    const { outbound, readyState } = this.#connection
    if (readyState !== ReadyState.OPEN) return
    if (!outbound.isBlocked || this.#mayQueue(payload)) outbound.sendControl(PONG_FRAME, payload)
  }

  /** Whether the pong of this ping may be queued behind output that the peer does not read; if not, it is owed. */
  #mayQueue(payload: Buffer): boolean {
    const { counters, link } = this.#context
    const controls = this.#ensureControls()
    const owedOne = controls.owesPong
    if (controls.mayQueue(payload)) return true
    counters.add(Counter.COALESCED_PONGS, 1)
    if (!owedOne) link.limited(this.#connection.key, 'maxPendingPongs')
    return false
  }

  #isAdmitted(): boolean {
    if (this.#ensureControls().admit(this.#context.clock.now)) return true
    this.#connection.refuse(new ShardwsError('CONTROL_FLOOD'))
    return false
  }

  #ensureControls(): ControlFrames {
    this.#controls ??= new ControlFrames(this.#context.options, this.#context.clock.now)
    return this.#controls
  }
}
