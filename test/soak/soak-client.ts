import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { Entry, type LedgerWriter } from './ledger.ts'
import { addressed, decode, encode, Kind, type Message, NO_ROOM } from './message.ts'

const NOTHING = Buffer.alloc(0)

/** From the opening handshake to the server's hello. */
const OPEN_MS = 20_000

export interface Address {
  readonly port: number
  readonly number: number
  /** `shard` or `main`: where its handler runs. */
  readonly route: string
  readonly isCompressed: boolean
}

/** One life of a client, which notes everything that it does and hears. */
export class SoakClient {
  readonly number: number
  readonly route: string
  /** What the server calls it. */
  id = ''
  /** By what was acknowledged, and not asked to be left. */
  readonly rooms = new Set<number>()
  isSlow = false
  /** Publishers whose last message has arrived. */
  readonly finals = new Set<number>()
  onClosed: () => void = () => {}
  readonly #socket: WebSocket
  readonly #ledger: LedgerWriter
  readonly #asked = new Set<number>()
  #seq = 0
  #isWanted = false
  #onSynced: (shard: number) => void = () => {}
  #onFinal: () => void = () => {}

  /** Null: refused, or closed before the server's hello. */
  static async open({ port, number, route, isCompressed }: Address, ledger: LedgerWriter): Promise<SoakClient | null> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/${route}/${number}`, {
      perMessageDeflate: isCompressed && { threshold: 256 },
      handshakeTimeout: OPEN_MS,
    })
    const client = new SoakClient(socket, number, route, ledger)
    return new Promise((resolve) => {
      const deadline = setTimeout(() => socket.terminate(), OPEN_MS)
      const settle = (): void => {
        clearTimeout(deadline)
        resolve(client.isOpen && client.id !== '' ? client : null)
      }
      client.#onSynced = settle
      socket.once('close', settle)
    })
  }

  private constructor(socket: WebSocket, number: number, route: string, ledger: LedgerWriter) {
    this.number = number
    this.route = route
    this.#socket = socket
    this.#ledger = ledger
    socket.on('error', () => {})
    socket.on('message', (data: Buffer, isBinary) => this.#take(decode(data, !isBinary)))
    socket.on('close', (code) => {
      if (this.id !== '') ledger.note(Entry.Closed, number, { value: code, seq: Number(this.#isWanted) })
      this.onClosed()
    })
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  join(room: number): void {
    if (this.#asked.has(room) || this.rooms.has(room)) return
    this.#asked.add(room)
    this.#ledger.note(Entry.JoinAsked, this.number, { room })
    this.#ask(Kind.Join, room)
  }

  leave(room: number): void {
    if (this.#asked.has(room) || !this.rooms.delete(room)) return
    this.#asked.add(room)
    this.#ledger.note(Entry.LeaveAsked, this.number, { room })
    this.#ask(Kind.Leave, room)
  }

  /** Notes it; what is returned sends it, once the ledger is safe. */
  prepare(kind: Kind, room: number, body: Buffer, isText: boolean, target?: SoakClient): () => void {
    const seq = ++this.#seq
    const whole = target === undefined ? body : addressed(target.id, body)
    const bytes = encode({ kind, room, nonce: seq * 7, publisher: this.number, seq }, whole, isText)
    this.#ledger.note(Entry.Sent, this.number, { room, kind, publisher: this.number, seq, value: target?.number ?? 0 })
    return () => this.#socket.send(bytes, { binary: !isText })
  }

  /** Resolves with its shard when everything it has asked for is done; null: it has closed. */
  sync(): Promise<number | null> {
    return new Promise((resolve) => {
      this.#onSynced = resolve
      this.#socket.once('close', () => resolve(null))
      this.#ask(Kind.Sync, NO_ROOM)
    })
  }

  /** Resolves when the last messages of all these have arrived; false: it has closed. */
  complete(publishers: readonly number[]): Promise<boolean> {
    return new Promise((resolve) => {
      this.#onFinal = () => {
        if (!publishers.every((publisher) => this.finals.has(publisher))) return
        this.#ledger.note(Entry.Complete, this.number)
        this.#onFinal = () => {}
        resolve(true)
      }
      this.#socket.once('close', () => resolve(false))
      this.#onFinal()
    })
  }

  /** Reads nothing for so long. */
  slow(ms: number): void {
    this.isSlow = true
    this.#ledger.note(Entry.Slow, this.number)
    this.#socket.pause()
    setTimeout(() => this.#socket.resume(), ms)
  }

  reset(): void {
    this.#beginToEnd(true)
    this.#tcp?.resetAndDestroy()
  }

  close(): void {
    this.#beginToEnd(false)
    this.#socket.close()
  }

  get #tcp(): Socket | undefined {
    return (this.#socket as unknown as { _socket?: Socket })._socket
  }

  #beginToEnd(isReset: boolean): void {
    this.#isWanted = true
    this.#ledger.note(Entry.Ending, this.number, { value: Number(isReset) })
  }

  #ask(kind: Kind, room: number): void {
    const seq = ++this.#seq
    this.#socket.send(encode({ kind, room, nonce: 0, publisher: this.number, seq }, NOTHING, false))
  }

  #take(message: Message | null): void {
    if (message === null) return this.#ledger.note(Entry.Damaged, this.number)
    const { kind, room, nonce, publisher, seq, body } = message
    switch (kind) {
      case Kind.Welcome:
        this.id = body.toString()
        this.#ledger.note(Entry.Opened, this.number, { value: this.#tcp?.localPort ?? 0 })
        return this.#onSynced(0)
      case Kind.Joined:
        this.#asked.delete(room)
        if (nonce === 1) this.rooms.add(room)
        return this.#ledger.note(Entry.Joined, this.number, { room, value: nonce })
      case Kind.Left:
        this.#asked.delete(room)
        return this.#ledger.note(Entry.Left, this.number, { room, value: nonce })
      case Kind.Refused:
        return this.#ledger.note(Entry.Refused, this.number, { seq })
      case Kind.Synced:
        return this.#onSynced(nonce)
      default:
        this.#ledger.note(Entry.Received, this.number, { room, kind, publisher, seq })
        if (kind !== Kind.Final) return
        this.finals.add(publisher)
        this.#onFinal()
    }
  }
}
