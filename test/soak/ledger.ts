import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { machineMs } from './clock.ts'

/** What a client process notes, in the order in which it happened. */
export const Entry = {
  /** The connection is known to the server: it has said hello. `value`: its own port. */
  Opened: 1,
  /** Written down before it is sent. `value`: whom a `Direct` is for, as a number. */
  Sent: 2,
  JoinAsked: 3,
  /** `value`: 1 for yes. */
  Joined: 4,
  LeaveAsked: 5,
  Left: 6,
  /** `value`: `Kind`. */
  Received: 7,
  /** Its checksum was wrong. */
  Damaged: 8,
  /** The server refused to send the message `seq` of this client. */
  Refused: 9,
  /** `value`: the close code; `seq`: 1 if the soak wanted it. */
  Closed: 10,
  /** It begins to close, or resets the connection: `value` is 1 then. */
  Ending: 13,
  /** It reads nothing for a while. */
  Slow: 11,
  /** It has everything that was sent to it. */
  Complete: 12,
} as const
export type Entry = (typeof Entry)[keyof typeof Entry]

export interface Row {
  readonly entry: Entry
  readonly ms: number
  readonly client: number
  readonly room: number
  /** `Kind` of what was sent or received. */
  readonly kind: number
  readonly publisher: number
  readonly seq: number
  readonly value: number
}

const FIELDS = 8
const ROWS_AT_ONCE = 2048

/** An append-only file of rows: what was flushed is there even if the process is killed. */
export class LedgerWriter {
  readonly #file: number
  readonly #rows = new Int32Array(FIELDS * ROWS_AT_ONCE)
  #used = 0

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  note(entry: Entry, client: number, details: Partial<Omit<Row, 'entry' | 'client' | 'ms'>> = {}): void {
    const { room = -1, kind = 0, publisher = -1, seq = 0, value = 0 } = details
    this.#rows.set([entry, machineMs(), client, room, kind, publisher, seq, value], this.#used)
    this.#used += FIELDS
    if (this.#used === this.#rows.length) this.flush()
  }

  flush(): void {
    if (this.#used === 0) return
    writeSync(this.#file, new Uint8Array(this.#rows.buffer, 0, this.#used * Int32Array.BYTES_PER_ELEMENT))
    this.#used = 0
  }

  close(): void {
    this.flush()
    closeSync(this.#file)
  }
}

/** All rows, up to one that was not written to its end. */
export function readLedger(path: string): Row[] {
  const bytes = readFileSync(path)
  const fields = new Int32Array(new Uint8Array(bytes).buffer, 0, Math.floor(bytes.length / 4))
  const rows: Row[] = []
  for (let at = 0; at + FIELDS <= fields.length; at += FIELDS) {
    const [entry, ms, client, room, kind, publisher, seq, value] = fields.subarray(
      at,
      at + FIELDS,
    ) as unknown as number[]
    rows.push({ entry: entry as Entry, ms, client, room, kind, publisher, seq, value } as Row)
  }
  return rows
}
