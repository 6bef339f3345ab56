import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { BatchReader, BatchWriter, type PostedBatch } from './batch.ts'
import { CreditGranter, CreditSpender, type CreditWindow } from './credit.ts'
import type { Parcel } from './messages.ts'

/** A batch this large is posted at once: it bounds what a kept payload can hold alive, and the delay. */
const BATCH_BYTES = 64 * 1024
const BATCH_MESSAGES = 512

/** How many ticks a batch may wait for the next one's messages. */
const MAX_WAITED_TICKS = 4

export interface LinkHandler {
  onBatch(batch: BatchReader): void
  /** Only shards receive these. */
  onParcel(parcel: Parcel): void
  /** The other end's thread is gone or has closed the link. */
  onClose(): void
  /** Writes the message that tells the other end that it has credit again. */
  writeCredit(batch: BatchWriter): void
}

/** How much this end may post, and the memory in which both ends keep count. */
export interface CreditAccount {
  readonly memory: SharedArrayBuffer
  /** Which of the two ends this is; of a link between main and a shard main is 0. */
  readonly end: 0 | 1
  readonly window: CreditWindow
}

/**
 * One end of the message port between two threads. What a tick posts leaves as one batch; `out` past
 * its credit window is for the caller to refuse (`hasCredit`), because only it knows what may be lost.
 */
export class Link {
  readonly out = new BatchWriter()
  readonly #port: MessagePort
  readonly #spender: CreditSpender
  readonly #granter: CreditGranter
  readonly #handler: LinkHandler
  #isScheduled = false
  #isClosed = false
  /** Messages and bytes of the unposted batch for which credit has been spent already. */
  #spentMessages = 0
  #spentBytes = 0
  /** How much there was to post when the last tick ended, and for how many ticks it has waited. */
  #seenMessages = 0
  #waitedTicks = 0
  readonly #onTickEnd = (): void => this.#flushOrWait()

  constructor(port: MessagePort, { memory, end, window }: CreditAccount, handler: LinkHandler) {
    this.#port = port
    this.#spender = new CreditSpender(memory, end, window)
    this.#granter = new CreditGranter(memory, end === 0 ? 1 : 0)
    this.#handler = handler
    port.on('message', (message: PostedBatch | Parcel) => this.#receive(message))
    port.on('close', () => {
      this.#isClosed = true
      handler.onClose()
    })
  }

  /** To be called after every message written to `out`. */
  posted(): void {
    const out = this.out
    this.#spender.spend(out.messages - this.#spentMessages, out.payloadBytes - this.#spentBytes)
    this.#spentMessages = out.messages
    this.#spentBytes = out.payloadBytes
    if (out.payloadBytes >= BATCH_BYTES || out.messages >= BATCH_MESSAGES) this.flush()
    else if (!this.#isScheduled) {
      this.#isScheduled = true
      setImmediate(this.#onTickEnd)
    }
  }

  hasCredit(): boolean {
    return this.#spender.hasCredit()
  }

  /** Asks for a credit message. Returns false when there is credit already and none will come. */
  waitForCredit(): boolean {
    return this.#spender.wait()
  }

  flush(): void {
    if (this.out.messages === 0) return
    const { posted, transfer } = this.out.finish()
    this.#spentMessages = 0
    this.#spentBytes = 0
    if (!this.#isClosed) this.#port.postMessage(posted, transfer)
  }

  /** Waking the other thread costs microseconds: as long as every tick brings more, one post serves several. */
  #flushOrWait(): void {
    const { messages } = this.out
    if (messages > this.#seenMessages && this.#waitedTicks < MAX_WAITED_TICKS) {
      this.#seenMessages = messages
      this.#waitedTicks++
      setImmediate(this.#onTickEnd)
      return
    }
    this.#seenMessages = 0
    this.#waitedTicks = 0
    this.#isScheduled = false
    this.flush()
  }

  /** Past every batch: a socket on its way has nothing to wait for. */
  postParcel(parcel: Parcel, transfer: Parameters<MessagePort['postMessage']>[1]): void {
    this.#port.postMessage(parcel, transfer)
  }

  /** Behind every batch. */
  postParcelInOrder(parcel: Parcel, transfer: Parameters<MessagePort['postMessage']>[1]): void {
    this.flush()
    this.postParcel(parcel, transfer)
  }

  /** Hears what the other end has posted until now, and nothing after it. */
  hearOut(): void {
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      this.#receive(next.message)
    }
    this.close()
  }

  close(): void {
    if (this.#isClosed) return
    this.flush()
    this.#isClosed = true
    this.#port.close()
  }

  #receive(message: PostedBatch | Parcel): void {
    if (!(message instanceof ArrayBuffer || Array.isArray(message))) {
      this.#handler.onParcel(message)
      return
    }
    const batch = new BatchReader(message)
    this.#handler.onBatch(batch)
    if (this.#granter.grant(batch.messages, batch.payloadBytes) && !this.#isClosed) {
      this.#handler.writeCredit(this.out)
      this.posted()
    }
  }
}
