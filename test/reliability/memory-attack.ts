import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { deflated } from '../fixtures/deflate-context.ts'
import { encodeFrame, RawOpcode } from '../fixtures/raw-frame.ts'
import { parseResponse, upgradeRequest } from '../fixtures/raw-request.ts'
import { RawSocket } from '../fixtures/raw-socket.ts'

const KIB = 1024
const MIB = 1024 * KIB
/** Far beyond what any answer takes. */
const DEADLINE_MS = 20_000
/** Between two attempts of one attacker. */
const AGAIN_MS = 50
/** For how long one that waits inside of a message holds it. */
const HOLD_MS = 2000

/** Whoever asks for its echoes and reads none of them: each is 64 KiB for the server to keep. */
const UNREAD = encodeFrame({ opcode: RawOpcode.Binary, payload: randomBytes(64 * KIB) })
/** As much as a message may have, but for its last byte. */
const UNFINISHED = encodeFrame({ opcode: RawOpcode.Binary, payload: randomBytes(MIB) }).subarray(0, -1)
/** 1 KiB on the wire, 1 MiB in memory. */
const BOMB = encodeFrame({ opcode: RawOpcode.Binary, rsv: 4, payload: deflated(Buffer.alloc(MIB), { level: 9 }) })

const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }

/** What one attacker sends once it is in, and how long it waits behind each. */
interface Weapon {
  readonly bytes: Buffer
  readonly everyMs: number
  readonly count: number
}

const MIX: readonly (readonly [attackers: number, weapon: Weapon])[] = [
  [6, { bytes: UNREAD, everyMs: 20, count: Number.POSITIVE_INFINITY }],
  [16, { bytes: UNFINISHED, everyMs: HOLD_MS, count: 1 }],
  [4, { bytes: BOMB, everyMs: 400, count: Number.POSITIVE_INFINITY }],
]

/** Clients that make the server hold as much as they can, in all the ways that cost them little. Who is closed comes back. */
export class MemoryAttack {
  /** Handshakes that were answered with 101, and others. */
  opened = 0
  refused = 0
  readonly #port: number
  #isOver = false

  constructor(port: number) {
    this.#port = port
  }

  /** For so long at least, and until it has got somewhere. */
  async run(ms: number, isEnough: () => Promise<boolean>): Promise<void> {
    const attackers = Promise.all(
      MIX.flatMap(([count, weapon]) => Array.from({ length: count }, () => this.#attack(weapon))),
    )
    const patience = async (): Promise<void> => {
      await pause(ms)
      while (!(await isEnough())) await pause(AGAIN_MS)
    }
    try {
      await Promise.race([patience(), attackers])
    } finally {
      this.#isOver = true
    }
    await attackers
  }

  async #attack({ bytes, everyMs, count }: Weapon): Promise<void> {
    while (!this.#isOver) {
      const socket = await this.#enter()
      socket?.pause()
      for (let sent = 0; sent < count && socket !== null && socket.how === undefined && !this.#isOver; sent++) {
        await socket.writeChopped(bytes, bytes.length).catch(() => {})
        await pause(everyMs)
      }
      socket?.destroy()
      await pause(AGAIN_MS)
    }
  }

  /** Null: it was refused, with an answer or without. */
  async #enter(): Promise<RawSocket | null> {
    const socket = await RawSocket.open(this.#port, DEADLINE_MS)
    let head = Buffer.alloc(0)
    socket.onBytes = (bytes) => {
      head = Buffer.concat([head, bytes])
    }
    socket.write(upgradeRequest(OFFER))
    const status = await socket.waitFor('an answer', () => parseResponse(head)?.status).catch(() => 0)
    socket.onBytes = () => {}
    if (status === 101) this.opened++
    else this.refused++
    if (status === 101) return socket
    socket.destroy()
    return null
  }
}
