import type { MessagePort } from 'node:worker_threads'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { EVENT_WINDOW } from '../src/shared/credit.ts'
import { Link } from '../src/shared/link.ts'
import { type Adopt, type CommandHandler, dispatchCommands, events } from '../src/shared/messages.ts'

export interface MainLinkHandler extends CommandHandler {
  adopt(adopt: Adopt): void
  /** Main is gone or has cut the link. */
  cut(): void
}

/** The shard's end of its link to main: events out, commands in. Mirror of `src/main/shard-link.ts`. */
export class MainLink {
  readonly #link: Link

  constructor(port: MessagePort, credit: SharedArrayBuffer, handler: MainLinkHandler) {
    this.#link = new Link(
      port,
      { memory: credit, end: 'shard', window: EVENT_WINDOW },
      {
        onBatch: (batch) => dispatchCommands(batch, handler),
        onAdopt: (adopt) => handler.adopt(adopt),
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

  reserved(key: ConnectionKey): void {
    events.reserved(this.#link.out, key)
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
