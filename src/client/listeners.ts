type Listener = (event: never) => void

/** Listeners by name; whoever owns it gives them their types. Node's EventEmitter is no part of browsers. */
export class Listeners {
  readonly #byName = new Map<string, readonly Listener[]>()

  add(name: string, listener: Listener): void {
    this.#byName.set(name, [...(this.#byName.get(name) ?? []), listener])
  }

  /** The one that was added last, if it was added more than once. */
  remove(name: string, listener: Listener): void {
    const listeners = this.#byName.get(name) ?? []
    const last = listeners.lastIndexOf(listener)
    this.#byName.set(
      name,
      listeners.filter((_, index) => index !== last),
    )
  }

  emit(name: string, event: unknown): void {
    for (const listener of this.#byName.get(name) ?? []) {
      try {
        listener(event as never)
      } catch (error) {
        // As EventTarget does: an uncaught error of the program, and the others hear the event all the same.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
