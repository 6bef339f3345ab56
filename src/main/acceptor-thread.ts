import type { AddressInfo } from 'node:net'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { ShardwsError } from '../shared/errors.ts'
import type { AcceptorObserver, AcceptorSetup } from '../shared/handoff/acceptor.ts'
import type { AcceptorCommand, AcceptorEvent, AcceptorTask } from '../shared/handoff/acceptor-messages.ts'
import { LentPipes } from './lent-pipes.ts'
import { type ShardThread, type ShardThreadOptions, startThread } from './shard-thread.ts'

/** Main's end of one life of an acceptor on a thread of its own: what `Acceptor` does, by message. */
export class AcceptorThread {
  /** Fulfilled with ACCEPTOR_FAILED when the thread has ended. */
  readonly failed: Promise<ShardwsError>
  readonly #port: MessagePort
  readonly #thread: ShardThread
  readonly #observer: AcceptorObserver
  readonly #pipes = new LentPipes((answer) => this.#post(answer))
  #onListening: (answer: AddressInfo | Error) => void = () => {}

  constructor(options: ShardThreadOptions, setup: AcceptorSetup, observer: AcceptorObserver) {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#observer = observer
    const task: AcceptorTask = { port: port2, setup }
    this.#thread = startThread(task, options)
    port1.on('message', (event: AcceptorEvent) => this.#receive(event))
    this.failed = this.#thread.ended.then(
      () => failure(undefined),
      (cause: unknown) => failure(cause),
    )
  }

  /** Rejects with ACCEPTOR_FAILED and with the error of `net.Server.listen`. */
  async listen(port: number, host: string | undefined): Promise<AddressInfo> {
    const answered = new Promise<AddressInfo | Error>((resolve) => {
      this.#onListening = resolve
      this.#post({ kind: 'listen', port, host })
    })
    const answer = await Promise.race([answered, this.failed])
    if (answer instanceof Error) throw answer
    return answer
  }

  add(index: number, port: MessagePort): void {
    this.#port.postMessage({ kind: 'add', index, port } satisfies AcceptorCommand, [port])
  }

  setOpen(index: number, isOpen: boolean): void {
    this.#post({ kind: 'setOpen', index, isOpen })
  }

  setAccepting(isAccepting: boolean): void {
    this.#post({ kind: 'setAccepting', isAccepting })
  }

  remove(index: number): void {
    this.#post({ kind: 'remove', index })
  }

  stopListening(): void {
    this.#post({ kind: 'stopListening' })
  }

  /** Resolves when the thread is gone. */
  async close(): Promise<void> {
    this.#post({ kind: 'close' })
    await this.#thread.ended.catch(() => {})
    this.#port.close()
    await this.#thread.destroy()
    this.#pipes.close()
  }

  #post(command: AcceptorCommand): void {
    this.#port.postMessage(command)
  }

  #receive(event: AcceptorEvent): void {
    if (event.kind === 'listening') this.#onListening(event.address)
    else if (event.kind === 'turnedAway') this.#observer.onTurnedAway(event.code)
    else if (event.kind === 'failed') this.#observer.onError(event.error)
    else if (event.kind === 'pipeWanted') void this.#pipes.lend(event.id)
    else if (event.kind === 'pipeClosed') this.#pipes.takeBack(event.id)
    // A clone keeps the message of an error, and not what else was there.
    else this.#onListening(Object.assign(event.error, { code: event.code }))
  }
}

export function failure(cause: unknown): ShardwsError {
  return new ShardwsError('ACCEPTOR_FAILED', undefined, { cause })
}
