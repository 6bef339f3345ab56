/** Clients of `moves.ts`, in a process of their own: they send numbered messages at a steady pace and expect each of them back, and all that main publishes. */
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { Failed } from './protocol.ts'

export type MovesCommand =
  | { readonly type: 'open'; readonly port: number; readonly from: number; readonly count: number }
  /** A window begins. */
  | { readonly type: 'begin' }
  /** Everything that was sent until now is awaited, and what has happened in the window told. */
  | { readonly type: 'end' }
  /** This connection asks for an error that nobody catches, and when it was closed it comes again. */
  | { readonly type: 'offend'; readonly connection: number }
  /** Nothing more is sent. `published`: how many messages main has published. */
  | { readonly type: 'finish'; readonly published: number }

export interface Happened {
  /** By connection: the longest time from a message to its echo, of those that were sent in the window. */
  readonly pausesMs: readonly (readonly [connection: number, ms: number])[]
  readonly lost: number
  readonly doubled: number
  readonly reordered: number
  /** Codes of those that ended unasked. They have come again. */
  readonly disconnects: readonly number[]
}

export type MovesReply =
  | { readonly type: 'opened' }
  | { readonly type: 'begun' }
  | { readonly type: 'offended'; readonly code: number }
  | ({ readonly type: 'ended' } & Happened)
  | ({ readonly type: 'finished' } & Happened)
  | Failed

/** Of each connection. */
const EVERY_MS = 50
/** They take turns within that time. */
const TURNS = 10
const OPENED_AT_ONCE = 50
const SETTLE_MS = 15_000
const FILLER = 'x'.repeat(58)

/** Every number from the first one on, once and in order, or what was wrong. */
class Numbers {
  #next: number
  readonly #missing = new Set<number>()
  doubled = 0
  reordered = 0

  /** @param first -1: whichever comes first. */
  constructor(first: number) {
    this.#next = first
  }

  get next(): number {
    return this.#next
  }

  get lost(): number {
    return this.#missing.size
  }

  take(number: number): void {
    if (this.#next === -1) this.#next = number
    if (number < this.#next) {
      if (this.#missing.delete(number)) this.reordered++
      else this.doubled++
      return
    }
    for (; this.#next < number; this.#next++) this.#missing.add(this.#next)
    this.#next++
  }

  /** What is missing is lost for good. */
  forget(): void {
    this.#missing.clear()
    this.doubled = 0
    this.reordered = 0
  }
}

class Connection {
  worstMs = 0
  onClosed: (code: number) => void = () => {}
  readonly number: number
  readonly echoes = new Numbers(0)
  readonly published = new Numbers(-1)
  readonly #socket: WebSocket
  readonly #sentMs = new Map<number, number>()
  #sent = 0
  #windowMs = 0
  #windowEnd = 0

  static async open(port: number, number: number): Promise<Connection> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/?connection=${number}`, { perMessageDeflate: false })
    const connection = new Connection(socket, number)
    await once(socket, 'open')
    return connection
  }

  private constructor(socket: WebSocket, number: number) {
    this.number = number
    this.#socket = socket
    socket.on('message', (data) => this.#take(String(data)))
    socket.on('error', () => {})
    socket.on('close', (code) => this.onClosed(code))
  }

  /** Echoes of the window that have not come, 0 when it has closed. */
  get owed(): number {
    return this.#socket.readyState === WebSocket.OPEN ? Math.max(0, this.#windowEnd - this.echoes.next) : 0
  }

  begin(): void {
    this.worstMs = 0
    this.#windowMs = performance.now()
  }

  /** What is sent from now on does not belong to the window. */
  endWindow(): void {
    this.#windowEnd = this.#sent
  }

  send(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    this.#sentMs.set(this.#sent, performance.now())
    this.#socket.send(`e${this.#sent++} ${FILLER}`)
  }

  /** Resolves with the code with which it was closed for it. */
  async offend(): Promise<number> {
    const closed = once(this.#socket, 'close')
    this.onClosed = () => {}
    this.#socket.send('throw')
    const [code] = (await closed) as [number]
    return code
  }

  end(): void {
    this.onClosed = () => {}
    this.#socket.terminate()
  }

  #take(text: string): void {
    const number = Number.parseInt(text.slice(1), 10)
    if (text.startsWith('p')) return this.published.take(number)
    this.echoes.take(number)
    const sentMs = this.#sentMs.get(number) ?? 0
    this.#sentMs.delete(number)
    if (sentMs >= this.#windowMs) this.worstMs = Math.max(this.worstMs, performance.now() - sentMs)
  }
}

const connections = new Map<number, Connection>()
let disconnects: number[] = []
let port = 0
let turn = 0
let timer: NodeJS.Timeout | undefined

async function open(number: number): Promise<void> {
  const connection = await Connection.open(port, number)
  connections.set(number, connection)
  connection.onClosed = (code) => {
    disconnects.push(code)
    open(number).catch(fail)
  }
}

async function settle(isSettled: (connection: Connection) => boolean): Promise<void> {
  const end = performance.now() + SETTLE_MS
  while (performance.now() < end && ![...connections.values()].every(isSettled)) await pause(5)
}

function happened(): Happened {
  const all = [...connections.values()]
  const numbers = all.flatMap(({ echoes, published }) => [echoes, published])
  const sum = (field: 'lost' | 'doubled' | 'reordered'): number =>
    numbers.reduce((total, each) => total + each[field], 0)
  const report = {
    pausesMs: all.map(({ number, worstMs }) => [number, worstMs] as const),
    lost: sum('lost') + all.reduce((total, { owed }) => total + owed, 0),
    doubled: sum('doubled'),
    reordered: sum('reordered'),
    disconnects,
  }
  disconnects = []
  for (const each of numbers) each.forget()
  return report
}

async function obey(command: MovesCommand): Promise<MovesReply> {
  switch (command.type) {
    case 'open': {
      port = command.port
      for (let opened = 0; opened < command.count; opened += OPENED_AT_ONCE) {
        const count = Math.min(OPENED_AT_ONCE, command.count - opened)
        await Promise.all(Array.from({ length: count }, (_, at) => open(command.from + opened + at)))
      }
      timer = setInterval(() => {
        turn = (turn + 1) % TURNS
        for (const connection of connections.values()) if (connection.number % TURNS === turn) connection.send()
      }, EVERY_MS / TURNS)
      return { type: 'opened' }
    }
    case 'begin':
      for (const connection of connections.values()) connection.begin()
      return { type: 'begun' }
    case 'end':
      for (const connection of connections.values()) connection.endWindow()
      await settle(({ owed }) => owed === 0)
      return { type: 'ended', ...happened() }
    case 'offend': {
      const code = await (connections.get(command.connection) as Connection).offend()
      await open(command.connection)
      return { type: 'offended', code }
    }
    case 'finish':
      clearInterval(timer)
      for (const connection of connections.values()) connection.endWindow()
      await settle((each) => each.owed === 0 && each.published.next >= command.published)
      return { type: 'finished', ...finished(command.published) }
  }
}

/** What was published last may be missing, too. */
function finished(published: number): Happened {
  const missing = [...connections.values()].reduce((sum, each) => sum + published - each.published.next, 0)
  const report = happened()
  for (const connection of connections.values()) connection.end()
  return { ...report, lost: report.lost + missing }
}

function fail(error: unknown): void {
  process.send?.({ type: 'failed', reason: String(error) } satisfies MovesReply)
}

process.on('disconnect', () => process.exit())
process.on('message', (command: MovesCommand) => {
  obey(command).then((reply) => process.send?.(reply), fail)
})
