import type { Duplex } from 'node:stream'
import type { TransferListItem } from 'node:worker_threads'
import type { BatchReader } from '../src/shared/batch.ts'
import { type CommandHandler, type ConnectionCommand, commands } from '../src/shared/commands.ts'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { COMMAND_WINDOW_MESSAGES } from '../src/shared/credit.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import { createGiver, createTaker, giveOn } from '../src/shared/handoff/handoff.ts'
import type { Giver, Taker } from '../src/shared/handoff/strategy.ts'
import { Link } from '../src/shared/link.ts'
import { type Arrive, type Connect, type FanOut, type Moving, SendFlag } from '../src/shared/messages.ts'
import type { StrategyName } from '../src/shared/ticket.ts'

export interface SiblingLinkHandler {
  /** `publisher`: the index of the shard that sends this batch. */
  receive(publisher: number, batch: BatchReader): void
  arrive(arrive: Arrive, from: SiblingLink): void
  onSiblingGone(sibling: SiblingLink): void
}

/** This shard's end of its link to another one. Both ends send the commands that main sends, as far as they need them. */
export class SiblingLink {
  readonly index: number
  readonly #link: Link
  #giver: Promise<boolean> | null = null
  #giving: Giver | null = null
  #taker: Taker | null = null

  /** @param windowBytes How many bytes may be on their way. */
  constructor({ port, credit, end, sibling }: Connect, windowBytes: number, handler: SiblingLinkHandler) {
    this.index = sibling
    const window = { messages: COMMAND_WINDOW_MESSAGES, bytes: windowBytes }
    this.#link = new Link(
      port,
      { memory: credit, end, window },
      {
        onBatch: (batch) => handler.receive(sibling, batch),
        onParcel: (parcel) => {
          if (parcel.kind === 'accept') this.#taker = createTaker(parcel.taker)
          else if (parcel.kind === 'arrive') handler.arrive(parcel, this)
        },
        onClose: () => handler.onSiblingGone(this),
        writeCredit: commands.credit,
      },
    )
  }

  /** Takes the sockets that come over this link; null before the other end has said how. */
  get taker(): Taker | null {
    return this.#taker
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

  command<Name extends ConnectionCommand>(name: Name, ...args: Parameters<CommandHandler[Name]>): void {
    Reflect.apply(commands[name], commands, [this.#link.out, ...args])
    this.#link.posted()
  }

  moving(moving: Moving): void {
    commands.moving(this.#link.out, moving)
    this.#link.posted()
  }

  departed(move: number): void {
    commands.departed(this.#link.out, move)
    this.#link.posted()
  }

  /** Makes what gives sockets to the shard at the other end, which is told how to take them. Whether that is possible; never rejects. */
  giver(strategy: StrategyName): Promise<boolean> {
    // Descriptors go by way of main: here only what is relayed goes directly.
    this.#giver ??= createGiver(strategy === 'descriptor' ? 'relay' : strategy).then(
      ({ giver, setup }) => {
        this.#link.postParcel({ kind: 'accept', taker: setup }, [])
        this.#giving = giver
        return true
      },
      () => false,
    )
    return this.#giver
  }

  /** Gives it to the shard at the other end, once `giver` has said that it can. See `giveOn`. */
  give(socket: Duplex, id: number, taker: Taker, post: Parameters<Giver['give']>[1]): Promise<void> | undefined {
    if (this.#giving === null) throw new ShardwsError('NOT_TRANSFERABLE', 'the giver is not ready')
    return giveOn(socket, id, { giver: this.#giving, taker }, post)
  }

  /** Behind everything that was sent before. */
  arrive(arrive: Arrive, transfer: readonly TransferListItem[]): void {
    this.#link.postParcelInOrder(arrive, transfer)
  }

  /** Hears what it has sent until now, and nothing after it. */
  hearOut(): void {
    this.#link.hearOut()
  }

  close(): void {
    this.#giving?.close()
    this.#taker?.close()
    this.#link.close()
  }
}
