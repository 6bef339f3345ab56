interface Group<Member> {
  readonly members: Set<Member>
  readonly listener: () => void
}

/**
 * What each signal aborts. One listener for each, however many members it has: Node warns of a leak from the eleventh on, and a
 * signal that stands for a connection may well have more. A signal without members has no listener either.
 */
export class AbortGroups<Member> {
  readonly #abort: (member: Member, reason: unknown) => void
  readonly #groups = new Map<AbortSignal, Group<Member>>()

  /** @param abort called for each member when its signal is aborted, for the latest one first. */
  constructor(abort: (member: Member, reason: unknown) => void) {
    this.#abort = abort
  }

  /** `signal` must not be aborted yet. */
  add(signal: AbortSignal, member: Member): void {
    const group = this.#groups.get(signal) ?? this.#create(signal)
    group.members.add(member)
  }

  remove(signal: AbortSignal, member: Member): void {
    const group = this.#groups.get(signal)
    group?.members.delete(member)
    if (group?.members.size === 0) this.#dissolve(signal, group)
  }

  #create(signal: AbortSignal): Group<Member> {
    const members = new Set<Member>()
    const listener = (): void => {
      for (const member of [...members].reverse()) this.#abort(member, signal.reason)
    }
    const group = { members, listener }
    this.#groups.set(signal, group)
    signal.addEventListener('abort', listener, { once: true })
    return group
  }

  #dissolve(signal: AbortSignal, { listener }: Group<Member>): void {
    this.#groups.delete(signal)
    signal.removeEventListener('abort', listener)
  }
}
