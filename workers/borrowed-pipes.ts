import type { PipeAnswer, PipeRequest } from '../src/shared/handoff/acceptor-messages.ts'
import { type AcceptingEnd, type AcceptPipe, type IpcPipe, openIpcPipe } from '../src/shared/handoff/ipc-pipe.ts'

interface Borrowed {
  readonly onAccepted: (pipe: IpcPipe | null) => void
  readonly onListening: (end: AcceptingEnd) => void
  readonly onRefused: (error: Error) => void
  pipe: IpcPipe | null
}

/** Accepting ends for a thread that may end before the process does: main listens, and accepts. */
export class BorrowedPipes {
  readonly #post: (request: PipeRequest) => void
  readonly #borrowed = new Map<number, Borrowed>()
  #lastId = 0

  constructor(post: (request: PipeRequest) => void) {
    this.#post = post
  }

  readonly accept: AcceptPipe = (onAccepted) =>
    new Promise((onListening, onRefused) => {
      const id = ++this.#lastId
      this.#borrowed.set(id, { onAccepted, onListening, onRefused, pipe: null })
      this.#post({ kind: 'pipeWanted', id })
    })

  receive(answer: PipeAnswer): void {
    const { id } = answer
    const borrowed = this.#borrowed.get(id)
    // Closed before somebody had connected.
    if (borrowed === undefined) return
    if (answer.kind === 'pipeListening') {
      borrowed.onListening({ path: answer.path, close: () => this.#return(id, borrowed) })
    } else if (answer.kind === 'pipeAccepted') {
      borrowed.pipe = answer.descriptor === null ? null : openIpcPipe(answer.descriptor)
      borrowed.onAccepted(borrowed.pipe)
    } else {
      this.#borrowed.delete(id)
      borrowed.onRefused(answer.error)
    }
  }

  /** Main closes its own handle of the same number next, which must not be before this one is closed. */
  #return(id: number, { pipe }: Borrowed): void {
    if (!this.#borrowed.delete(id)) return
    pipe?.close()
    this.#post({ kind: 'pipeClosed', id })
  }
}
