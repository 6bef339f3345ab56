import type { AddressInfo } from 'node:net'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { ShardwsError } from '../shared/errors.ts'
import type { AcceptorObserver, AcceptorSetup } from '../shared/handoff/acceptor.ts'
import type { AcceptorCommand, AcceptorEvent, AcceptorTask } from '../shared/handoff/acceptor-messages.ts'
import { type ShardThread, type ShardThreadOptions, startThread } from './shard-thread.ts'

/** Main's end of an acceptor on a thread of its own: what `Acceptor` does, by message. */
export class AcceptorThread {
  readonly #port: MessagePort
  readonly #thread: ShardThread
  readonly #observer: AcceptorObserver
  #onListening: (answer: AddressInfo | Error) => void = () => {}
  #isClosing = false

  constructor(options: ShardThreadOptions, setup: AcceptorSetup, observer: AcceptorObserver) {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#observer = observer
    const task: AcceptorTask = { port: port2, setup }
    this.#thread = startThread(task, options)
    port1.on('message', (event: AcceptorEvent) => this.#receive(event))
    this.#thread.ended.then(
      () => this.#onEnded(undefined),
      (cause: unknown) => this.#onEnded(cause),
    )
  }

  /** Rejects with the error of `net.Server.listen`. */
  async listen(port: number, host: string | undefined): Promise<AddressInfo> {
    const answer = await new Promise<AddressInfo | Error>((resolve) => {
      this.#onListening = resolve
      this.#post({ kind: 'listen', port, host })
    })
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
    this.#isClosing = true
    this.#post({ kind: 'close' })
    await this.#thread.ended.catch(() => {})
    this.#port.close()
    await this.#thread.destroy()
  }

  #post(command: AcceptorCommand): void {
    this.#port.postMessage(command)
  }

  #receive(event: AcceptorEvent): void {
    if (event.kind === 'listening') this.#onListening(event.address)
    else if (event.kind === 'turnedAway') this.#observer.onTurnedAway(event.code)
    else if (event.kind === 'failed') this.#observer.onError(event.error)
    // A clone keeps the message of an error, and not what else was there.
    else this.#onListening(Object.assign(event.error, { code: event.code }))
  }

  #onEnded(cause: unknown): void {
    if (this.#isClosing) return
    const error = new ShardwsError('ACCEPTOR_FAILED', undefined, { cause })
    this.#onListening(error)
    this.#observer.onError(error)
  }
}
