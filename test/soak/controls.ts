import { WebSocket } from 'ws'
import { isExplained, type Violations } from './check.ts'
import { machineMs } from './clock.ts'
import { decode, encode, Kind, NO_ROOM } from './message.ts'
import type { Hit } from './server-book.ts'

const EVERY_MS = 100
const REOPEN_MS = 100

interface Control {
  readonly number: number
  readonly openedMs: number
  readonly socket: WebSocket
}

interface End {
  readonly number: number
  readonly openedMs: number
  readonly ms: number
  readonly code: number
}

/** Clients that do nothing but ask for echoes, all the time: whatever is done to others must not disturb them. */
export class Controls {
  readonly #port: number
  readonly #present = new Set<Control>()
  #ends: End[] = []
  #opened = 0
  #isEnding = false
  #damaged = 0
  /** Between two answers to one of them, however that came about. */
  longestGapMs = 0
  echoes = 0

  /** One after the other, so that each shard gets its share. */
  static async open(port: number, count: number): Promise<Controls> {
    const controls = new Controls(port)
    for (let each = 0; each < count; each++) await controls.#open()
    return controls
  }

  private constructor(port: number) {
    this.#port = port
  }

  get count(): number {
    return this.#present.size
  }

  /** What was wrong with those that have ended since the last call, by what was done to the shards. */
  judge(hits: readonly Hit[], violations: Violations): void {
    for (const { number, openedMs, ms, code } of this.#ends) {
      if (isExplained(hits, number, openedMs, ms)) continue
      violations.add('control', `control ${number} was closed with ${code}, and nothing had happened to its shard`)
    }
    if (this.#damaged > 0) violations.add('control', `${this.#damaged} damaged messages`)
    this.#ends = []
    this.#damaged = 0
  }

  async close(): Promise<void> {
    this.#isEnding = true
    await Promise.all(
      [...this.#present].map(({ socket }) => {
        const closed = new Promise((resolve) => socket.once('close', resolve))
        socket.close()
        return closed
      }),
    )
  }

  async #open(): Promise<void> {
    const number = ++this.#opened
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/shard/${number}`)
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('open', () => resolve(true)).on('error', () => resolve(false))
    })
    if (!isOpen) return this.#openLater()
    const control = { number, socket, openedMs: machineMs() }
    this.#present.add(control)
    let seq = 0
    let answeredMs = performance.now()
    const timer = setInterval(() => {
      const header = { kind: Kind.Echo, room: NO_ROOM, nonce: 0, publisher: number, seq: ++seq }
      socket.send(encode(header, Buffer.from('there?'), true), { binary: false })
    }, EVERY_MS)
    socket.on('message', (data: Buffer, isBinary) => {
      const message = decode(data, !isBinary)
      if (message === null) this.#damaged++
      if (message?.kind !== Kind.Echo) return
      this.echoes++
      const now = performance.now()
      this.longestGapMs = Math.max(this.longestGapMs, now - answeredMs)
      answeredMs = now
    })
    socket.on('close', (code) => {
      clearInterval(timer)
      this.#present.delete(control)
      if (this.#isEnding) return
      this.#ends.push({ number, openedMs: control.openedMs, ms: machineMs(), code })
      return this.#openLater()
    })
  }

  #openLater(): void {
    if (!this.#isEnding) setTimeout(() => void this.#open(), REOPEN_MS)
  }
}
