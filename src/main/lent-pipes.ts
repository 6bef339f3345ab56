import type { PipeAnswer } from '../shared/handoff/acceptor-messages.ts'
import { IpcListener } from '../shared/handoff/ipc-listener.ts'

/** The accepting ends of another thread's pipes. They are kept here because main outlives that thread. */
export class LentPipes {
  readonly #post: (answer: PipeAnswer) => void
  readonly #listeners = new Map<number, IpcListener>()
  #isClosed = false

  constructor(post: (answer: PipeAnswer) => void) {
    this.#post = post
  }

  async lend(id: number): Promise<void> {
    try {
      const listener = await IpcListener.listen((descriptor) => this.#post({ kind: 'pipeAccepted', id, descriptor }))
      // The thread has ended meanwhile.
      if (this.#isClosed) return listener.close()
      this.#listeners.set(id, listener)
      this.#post({ kind: 'pipeListening', id, path: listener.path })
    } catch (error) {
      this.#post({ kind: 'pipeRefused', id, error: error as Error })
    }
  }

  /** The thread has closed what it opened. */
  takeBack(id: number): void {
    this.#listeners.get(id)?.close()
    this.#listeners.delete(id)
  }

  /** The thread is gone. */
  close(): void {
    this.#isClosed = true
    for (const id of [...this.#listeners.keys()]) this.takeBack(id)
  }
}
