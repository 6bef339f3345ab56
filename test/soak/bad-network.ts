import { setTimeout as after } from 'node:timers/promises'
import { ChaosProxy, FAIR, type Weather } from '../fixtures/chaos-proxy.ts'
import type { Random } from '../fuzz/random.ts'
import { machineMs } from './clock.ts'

/** A connection that the network has ended. */
export interface Cut {
  readonly kind: 'break' | 'half-close'
  /** Of the client. */
  readonly port: number
  /** Machine time. */
  readonly ms: number
}

/** Slow, late, now and then later still, and in small pieces. */
const STORM: Weather = { delayMs: 40, bytesPerSecond: 2_000_000, loss: 0.02, lossMs: 60, pieceBytes: 700 }

/** The way of some of the clients to the server. Fair, unless it is told otherwise. */
export class BadNetwork {
  readonly #proxy: ChaosProxy
  #cuts: Cut[] = []

  static async open(port: number, random: Random): Promise<BadNetwork> {
    return new BadNetwork(await ChaosProxy.open(port, random))
  }

  private constructor(proxy: ChaosProxy) {
    this.#proxy = proxy
  }

  get port(): number {
    return this.#proxy.port
  }

  /** What has been cut since the last call. */
  takeCuts(): readonly Cut[] {
    return this.#cuts.splice(0)
  }

  async stall(ms: number): Promise<void> {
    this.#proxy.stall(ms)
    await after(ms)
  }

  async storm(ms: number): Promise<void> {
    this.#proxy.weather = STORM
    await after(ms)
    this.#proxy.weather = FAIR
  }

  break(count: number): void {
    this.#note('break', this.#proxy.reset(count))
  }

  halfClose(count: number): void {
    this.#note('half-close', this.#proxy.halfClose(count))
  }

  close(): Promise<void> {
    return this.#proxy.close()
  }

  #note(kind: Cut['kind'], ports: readonly number[]): void {
    const ms = machineMs()
    this.#cuts.push(...ports.map((port) => ({ kind, port, ms })))
  }
}
