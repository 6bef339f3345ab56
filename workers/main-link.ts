import type { MessagePort } from 'node:worker_threads'
import type { BatchReader } from '../src/shared/batch.ts'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { EVENT_WINDOW } from '../src/shared/credit.ts'
import type { ErrorCode } from '../src/shared/errors.ts'
import { events } from '../src/shared/events.ts'
import { Link } from '../src/shared/link.ts'
import type { Adopt, Connect, Disconnect, DoorRules, Forward, OpenGate, TlsContexts } from '../src/shared/messages.ts'

/** Main among those who send to a shard; the others are shards, by index. */
export const MAIN = -1

export interface MainLinkHandler {
  adopt(adopt: Adopt): void
  connect(connect: Connect): void
  disconnect(disconnect: Disconnect): void
  forward(forward: Forward): void
  openGate(gate: OpenGate): void
  secure(contexts: TlsContexts): void
  rule(rules: DoorRules | null): void
  /** `publisher`: main or the index of the shard that sends this batch. */
  receive(publisher: number, batch: BatchReader): void
  /** Main is gone or has cut the link. */
  cut(): void
}

/** The shard's end of its link to main: events out, commands in. Mirror of `src/main/shard-link.ts`. */
export class MainLink {
  readonly #link: Link

  constructor(port: MessagePort, credit: SharedArrayBuffer, handler: MainLinkHandler) {
    this.#link = new Link(
      port,
      { memory: credit, end: 1, window: EVENT_WINDOW },
      {
        onBatch: (batch) => handler.receive(MAIN, batch),
        onParcel: (parcel) => {
          if (parcel.kind === 'adopt') handler.adopt(parcel)
          else if (parcel.kind === 'connect') handler.connect(parcel)
          else if (parcel.kind === 'disconnect') handler.disconnect(parcel)
          else if (parcel.kind === 'forward') handler.forward(parcel)
          else if (parcel.kind === 'openGate') handler.openGate(parcel)
          else if (parcel.kind === 'secure') handler.secure(parcel.tls)
          else if (parcel.kind === 'rule') handler.rule(parcel.rules)
        },
        onClose: () => handler.cut(),
        writeCredit: events.credit,
      },
    )
  }

  hasCredit(): boolean {
    return this.#link.hasCredit()
  }

  waitForCredit(): boolean {
    return this.#link.waitForCredit()
  }

  ready(): void {
    events.ready(this.#link.out)
    this.#link.posted()
  }

  reserved(key: ConnectionKey, mustJudge: boolean): void {
    events.reserved(this.#link.out, key, mustJudge)
    this.#link.posted()
  }

  /** Never refused: the bytes have left the kernel. Without credit the caller stops reading. */
  received(key: ConnectionKey, payload: Uint8Array, isBinary: boolean, isOwned: boolean): void {
    events.received(this.#link.out, key, payload, isBinary, isOwned)
    this.#link.posted()
  }

  drained(key: ConnectionKey): void {
    events.drained(this.#link.out, key)
    this.#link.posted()
  }

  dropped(key: ConnectionKey): void {
    events.dropped(this.#link.out, key)
    this.#link.posted()
  }

  failed(key: ConnectionKey, code: string, cause: string): void {
    events.failed(this.#link.out, key, code, cause)
    this.#link.posted()
  }

  limited(key: ConnectionKey, option: string): void {
    events.limited(this.#link.out, key, option)
    this.#link.posted()
  }

  pinged(key: ConnectionKey, payload: Uint8Array): void {
    events.pinged(this.#link.out, key, payload)
    this.#link.posted()
  }

  ponged(key: ConnectionKey, payload: Uint8Array): void {
    events.ponged(this.#link.out, key, payload)
    this.#link.posted()
  }

  joined(key: ConnectionKey, room: string): void {
    events.joined(this.#link.out, key, room)
    this.#link.posted()
  }

  left(key: ConnectionKey, room: string): void {
    events.left(this.#link.out, key, room)
    this.#link.posted()
  }

  identified(id: string, userId: string | null): void {
    events.identified(this.#link.out, id, userId)
    this.#link.posted()
  }

  sentToUser(userId: string, payload: Uint8Array, flags: number): void {
    events.sentToUser(this.#link.out, userId, payload, flags)
    this.#link.posted()
  }

  /** `value`, `error` and `verdict` as of `encodeValue`. */
  posted(value: Uint8Array): void {
    events.posted(this.#link.out, value)
    this.#link.posted()
  }

  threw(key: ConnectionKey, error: Uint8Array): void {
    events.threw(this.#link.out, key, error)
    this.#link.posted()
  }

  listenerFailed(error: Uint8Array): void {
    events.listenerFailed(this.#link.out, error)
    this.#link.posted()
  }

  loaded(module: number, error: Uint8Array): void {
    events.loaded(this.#link.out, module, error)
    this.#link.posted()
  }

  prepared(move: number, keys: readonly ConnectionKey[]): void {
    events.prepared(this.#link.out, move, keys)
    this.#link.posted()
  }

  /** At once, as everything that was told before. */
  movedOut(move: number, stayed: readonly ConnectionKey[]): void {
    events.movedOut(this.#link.out, move, stayed)
    this.#link.posted()
    this.#link.flush()
  }

  compute(request: number, task: Uint8Array): void {
    events.compute(this.#link.out, request, task)
    this.#link.posted()
  }

  faltered(cause: Uint8Array): void {
    events.faltered(this.#link.out, cause)
    this.#link.posted()
  }

  arrived(move: number): void {
    events.arrived(this.#link.out, move)
    this.#link.posted()
  }

  judged(key: ConnectionKey, verdict: Uint8Array): void {
    events.judged(this.#link.out, key, verdict)
    this.#link.posted()
  }

  knocked(visit: number, knock: Uint8Array): void {
    events.knocked(this.#link.out, visit, knock)
    this.#link.posted()
  }

  withdrew(visit: number): void {
    events.withdrew(this.#link.out, visit)
    this.#link.posted()
  }

  admitted(key: ConnectionKey, admitted: Uint8Array): void {
    events.admitted(this.#link.out, key, admitted)
    this.#link.posted()
  }

  turnedAway(code: ErrorCode, why: string): void {
    events.turnedAway(this.#link.out, code, why)
    this.#link.posted()
  }

  kept(key: ConnectionKey, state: Uint8Array): void {
    events.kept(this.#link.out, key, state)
    this.#link.posted()
  }

  finished(key: ConnectionKey): void {
    events.finished(this.#link.out, key)
    this.#link.posted()
  }

  closed(key: ConnectionKey, code: number, reason: string): void {
    events.closed(this.#link.out, key, code, reason)
    this.#link.posted()
  }

  close(): void {
    this.#link.close()
  }
}
