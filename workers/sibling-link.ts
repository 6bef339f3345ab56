import { type CommandHandler, commands, dispatchCommands } from '../src/shared/commands.ts'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { COMMAND_WINDOW_MESSAGES } from '../src/shared/credit.ts'
import { Link } from '../src/shared/link.ts'
import { type Connect, type FanOut, SendFlag } from '../src/shared/messages.ts'

/** This shard's end of its link to another one. Both ends send the commands that main sends, as far as they need them. */
export class SiblingLink {
  readonly index: number
  readonly #link: Link

  /** @param windowBytes How many bytes may be on their way. */
  constructor(
    { port, credit, end, sibling }: Connect,
    windowBytes: number,
    handler: CommandHandler,
    onClose: () => void,
  ) {
    this.index = sibling
    const window = { messages: COMMAND_WINDOW_MESSAGES, bytes: windowBytes }
    this.#link = new Link(
      port,
      { memory: credit, end, window },
      {
        onBatch: (batch) => dispatchCommands(batch, handler),
        onParcel: () => {},
        onClose,
        writeCredit: commands.credit,
      },
    )
  }

  hasCredit(): boolean {
    return this.#link.hasCredit()
  }

  send(key: ConnectionKey, message: string | Uint8Array, flags: number): void {
    commands.send(this.#link.out, key, message, flags | SendFlag.FROM_SHARD)
    this.#link.posted()
  }

  broadcast(fanOut: FanOut): void {
    commands.broadcast(this.#link.out, fanOut)
    this.#link.posted()
  }

  publish(rooms: readonly string[], fanOut: FanOut): void {
    commands.publish(this.#link.out, rooms, fanOut)
    this.#link.posted()
  }

  closeConnection(key: ConnectionKey, code: number, reason: string): void {
    commands.close(this.#link.out, key, code, reason)
    this.#link.posted()
  }

  close(): void {
    this.#link.close()
  }
}
