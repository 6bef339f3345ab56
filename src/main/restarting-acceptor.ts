import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { MessagePort } from 'node:worker_threads'
import { ShardwsError } from '../shared/errors.ts'
import { within } from '../shared/within.ts'
import { type AcceptorThread, failure } from './acceptor-thread.ts'
import { RestartBudget } from './restart-budget.ts'
import { TERMINATE_MS } from './shard-endings.ts'

/** `degraded`: it has died too often, or its port is taken, and is left alone for a while. */
export type AcceptorState = 'listening' | 'starting' | 'degraded'

export interface RestartObserver {
  /** There is a new thread, which has been told nothing yet. */
  onReplaced(): void
  /** Nobody is accepted. */
  onExited(cause: Error): void
  /** It has died too often. */
  onDegraded(): void
  /** Connections are accepted again, on the same port. */
  onStarted(port: number): void
}

/** An acceptor on a thread that gets a successor when it dies. */
export class RestartingAcceptor {
  readonly #create: () => AcceptorThread
  readonly #observer: RestartObserver
  readonly #budget = new RestartBudget()
  #current: AcceptorThread
  #address: { readonly port: number; readonly host: string | undefined } | null = null
  #isListening = false
  #isStopping = false
  #restarted: Promise<void> = Promise.resolve()

  constructor(create: () => AcceptorThread, observer: RestartObserver) {
    this.#create = create
    this.#observer = observer
    this.#current = create()
  }

  get state(): AcceptorState {
    if (this.#isListening) return 'listening'
    return this.#budget.isDegraded ? 'degraded' : 'starting'
  }

  /** The first one has to succeed. Rejects with ACCEPTOR_FAILED and with the error of `net.Server.listen`. */
  async listen(port: number, host: string | undefined): Promise<AddressInfo> {
    const address = await this.#current.listen(port, host)
    this.#address = { port: address.port, host }
    this.#onListening()
    return address
  }

  add(index: number, port: MessagePort): void {
    this.#current.add(index, port)
  }

  setOpen(index: number, isOpen: boolean): void {
    this.#current.setOpen(index, isOpen)
  }

  setAccepting(isAccepting: boolean): void {
    this.#current.setAccepting(isAccepting)
  }

  remove(index: number): void {
    this.#current.remove(index)
  }

  stopListening(): void {
    this.#isStopping = true
    this.#budget.stopWaiting()
    this.#current.stopListening()
  }

  /** Resolves when the thread is gone. */
  async close(): Promise<void> {
    this.stopListening()
    // Ends what a restart waits for, too.
    await this.#current.close()
    await this.#restarted
  }

  #onListening(): void {
    this.#isListening = true
    const { failed } = this.#current
    void failed.then((error) => this.#lose(error))
  }

  #lose(cause: Error): void {
    if (this.#isStopping) return
    this.#isListening = false
    this.#budget.spend(performance.now())
    this.#observer.onExited(cause)
    if (!this.#budget.isDegraded) return this.#restart()
    this.#observer.onDegraded()
    this.#budget.retryLater(() => this.#restart())
  }

  #restart(): void {
    this.#restarted = this.#replace()
  }

  async #replace(): Promise<void> {
    // The port is free when the thread is gone, which may be later than its error.
    await within(TERMINATE_MS, this.#current.close())
    if (this.#isStopping || this.#address === null) return
    this.#current = this.#create()
    this.#observer.onReplaced()
    const { port, host } = this.#address
    const error = await this.#current.listen(port, host).then(
      () => null,
      (cause: Error) => (cause instanceof ShardwsError ? cause : failure(cause)),
    )
    if (this.#isStopping) return
    if (error !== null) return this.#lose(error)
    this.#budget.recover()
    this.#observer.onStarted(port)
    this.#onListening()
  }
}
