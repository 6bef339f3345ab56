import { createSecureContext, type SecureContext } from 'node:tls'
import type { TlsContexts } from '../src/shared/messages.ts'

type Answer = (error: Error | null, context?: SecureContext) => void

/** The certificates of this shard by server name. */
export class TlsContextsByName {
  readonly #byName = new Map<string, SecureContext>()

  /** Main has tried them all. */
  constructor({ byName }: TlsContexts) {
    for (const [name, context] of Object.entries(byName)) this.#byName.set(name, createSecureContext(context))
  }

  /** As `SNICallback`. Nothing is found for a name that is not known: the server's own context serves. */
  readonly find = (name: string, answer: Answer): void => {
    const exact = name.toLowerCase()
    const found = this.#byName.get(exact) ?? this.#byName.get(exact.replace(/^[^.]*/, '*'))
    answer(null, found)
  }
}
