import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import type { ClientJob, SyncedClient } from './client-process.ts'
import { machineMs } from './clock.ts'
import { Talker } from './conversation.ts'
import { type Row, readLedger } from './ledger.ts'
import { MAIN } from './message.ts'
import type { Scenario } from './scenario.ts'

const MAIN_FILE = new URL('./client-process-main.js', import.meta.url)
/** Numbers that the clients of one process share. */
const NUMBERS = 10_000
/** From the death of a client process to its successor. */
const REPLACE_MS = 300

interface Crowd {
  readonly talker: Talker
  readonly ledger: string
  readonly firstNumber: number
  killedMs: number | null
}

export interface CrowdsSetup {
  readonly port: number
  readonly badPort: number
  readonly seed: string
  readonly scenario: Scenario
  /** Where the ledgers go. */
  readonly folder: string
}

/** The client processes of one round, those that were killed included. */
export class Crowds {
  readonly #setup: CrowdsSetup
  readonly #all: Crowd[] = []
  #numbers: number

  /** @param processes Those of earlier rounds, so that numbers are not used twice. */
  static async start(setup: CrowdsSetup, processes: number): Promise<Crowds> {
    const crowds = new Crowds(setup, processes)
    await Promise.all(Array.from({ length: setup.scenario.processes }, () => crowds.#start()))
    return crowds
  }

  private constructor(setup: CrowdsSetup, processes: number) {
    this.#setup = setup
    this.#numbers = (processes + 1) * NUMBERS
  }

  get processes(): number {
    return this.#numbers / NUMBERS - 1
  }

  publish(): Promise<unknown> {
    return this.#tell('publish')
  }

  reset(count: number): Promise<unknown> {
    return this.#tell('reset', Math.ceil(count / this.#present.length))
  }

  reconnect(): Promise<unknown> {
    return this.#tell('reconnect')
  }

  /** Some of one process read nothing for so long. Resolves when they are in the room. */
  async slow(count: number, room: number, ms: number): Promise<void> {
    await this.#present[0]?.talker.ask('slow', { count, room, ms })
  }

  /** All of one process stand still for so long. */
  async pause(pick: number, ms: number): Promise<void> {
    await this.#present[pick % this.#present.length]?.talker.pause(ms)
  }

  /** kill -9, and a new one. */
  async kill(pick: number): Promise<void> {
    const crowd = this.#present[pick % this.#present.length]
    if (crowd === undefined) return
    crowd.killedMs = machineMs()
    await crowd.talker.kill()
    await after(REPLACE_MS)
    const successor = await this.#start()
    await successor.talker.ask('publish')
  }

  /**
   * No more is sent, and everything that was sent arrives. `final` is called when main is to say its last words. Returns what went wrong.
   */
  async settle(final: () => Promise<unknown>): Promise<string[]> {
    const synced = (await this.#tell<SyncedClient[]>('sync')).flat()
    // One of each shard: what the handlers of a shard have sent is on the same way as its last words.
    const last = new Map(synced.filter(({ route }) => route === 'shard').map(({ shard, number }) => [shard, number]))
    const publishers = [...last.values()]
    await Promise.all([this.#tell('final', publishers), final()])
    const { settleMs: withinMs } = this.#setup.scenario.limits
    const lacking = await this.#tell<number[]>('complete', { publishers: [MAIN, ...publishers], withinMs })
    return lacking.flat().map((number) => `client ${number} lacks the last message of ${publishers} or main`)
  }

  /** Ids by room, as the clients know it. */
  async members(): Promise<Map<string, Set<string>>> {
    const members = new Map<string, Set<string>>()
    for (const [id, rooms] of (await this.#tell<[string, number[]][]>('members')).flat()) {
      for (const room of rooms) members.set(`${room}`, (members.get(`${room}`) ?? new Set()).add(id))
    }
    return members
  }

  /** Everybody closes; the ledgers are complete when it resolves. */
  async end(): Promise<void> {
    await this.#tell('end')
    await Promise.all(this.#present.map(({ talker }) => talker.ended(10_000)))
  }

  rows(): Row[] {
    return this.#all.flatMap(({ ledger }) => readLedger(ledger))
  }

  killedMs(client: number): number | null {
    const crowd = this.#all.find(({ firstNumber }) => client > firstNumber && client <= firstNumber + NUMBERS)
    return crowd?.killedMs ?? null
  }

  get #present(): readonly Crowd[] {
    return this.#all.filter(({ killedMs }) => killedMs === null)
  }

  #tell<Result>(name: string, argument?: unknown): Promise<Result[]> {
    return Promise.all(this.#present.map(({ talker }) => talker.ask<Result>(name, argument)))
  }

  async #start(): Promise<Crowd> {
    const { port, badPort, seed, scenario, folder } = this.#setup
    const firstNumber = this.#numbers
    this.#numbers += NUMBERS
    const ledger = join(folder, `clients-${firstNumber}.ledger`)
    const crowd: Crowd = { talker: new Talker(MAIN_FILE), ledger, firstNumber, killedMs: null }
    this.#all.push(crowd)
    await crowd.talker.ask('start', {
      port,
      badPort,
      seed: `${seed} ${firstNumber}`,
      ledger,
      clients: scenario.clientsPerProcess,
      firstNumber,
      rooms: scenario.rooms,
      roomsPerClient: scenario.roomsPerClient,
      messagesPerSecond: scenario.messagesPerSecond / scenario.processes,
      changesPerSecond: scenario.changesPerSecond / scenario.processes,
    } satisfies ClientJob)
    return crowd
  }
}
