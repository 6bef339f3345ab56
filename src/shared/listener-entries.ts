import { ShardwsError } from './errors.ts'

/** One that takes the arguments of its own event, whichever that is. */
export type AnyListener = (...args: never[]) => unknown

/** A listener of a connection. They stand in the order of their additions, in arrays that are replaced, never changed. */
export interface ListenerEntry<Event extends string> {
  readonly event: Event
  readonly listener: AnyListener
  readonly isOnce: boolean
}

/** @throws ShardwsError ARGUMENT_INVALID */
export function assertListener(known: readonly string[], { event, listener }: ListenerEntry<string>): void {
  if (!known.includes(event)) {
    throw new ShardwsError('ARGUMENT_INVALID', `event must be one of ${known.join(', ')}, got ${String(event)}`)
  }
  if (typeof listener !== 'function') throw new ShardwsError('ARGUMENT_INVALID', 'listener must be a function')
}

/** Without the latest addition of a listener; the same array if there is none. */
export function withoutLatest<Event extends string>(
  entries: readonly ListenerEntry<Event>[],
  event: Event,
  listener: AnyListener,
): readonly ListenerEntry<Event>[] {
  const index = entries.findLastIndex((each) => each.event === event && each.listener === listener)
  return index === -1 ? entries : entries.toSpliced(index, 1)
}

/** Without those that were to hear of this event once; the same array if `heard`, all that hear of it, has none. */
export function withoutHeard<Event extends string>(
  entries: readonly ListenerEntry<Event>[],
  heard: readonly ListenerEntry<Event>[],
): readonly ListenerEntry<Event>[] {
  if (!heard.some(({ isOnce }) => isOnce)) return entries
  return entries.filter((each) => !(each.isOnce && heard.includes(each)))
}
