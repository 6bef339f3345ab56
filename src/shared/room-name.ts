import { ShardwsError } from './errors.ts'

export const MAX_NAME_BYTES = 255

const LONE_SURROGATE = /\p{Surrogate}/u

/** @throws ShardwsError ARGUMENT_INVALID */
export function assertRoom(room: unknown): asserts room is string {
  if (typeof room === 'string' && isName(room)) return
  const expected = `a string of 1 to ${MAX_NAME_BYTES} bytes of UTF-8 without NUL and lone surrogates`
  throw new ShardwsError('ARGUMENT_INVALID', `room must be ${expected}`)
}

/** One name or several, each once. @throws ShardwsError ARGUMENT_INVALID */
export function roomNames(rooms: string | readonly string[]): readonly string[] {
  const names: readonly string[] = Array.isArray(rooms) ? rooms : [rooms as string]
  for (const name of names) assertRoom(name)
  return names.length < 2 ? names : [...new Set(names)]
}

/** What rooms and users may be called. */
export function isName(name: string): boolean {
  // At least one byte per UTF-16 unit: no need to count those of an endless string.
  if (name.length === 0 || name.length > MAX_NAME_BYTES || Buffer.byteLength(name) > MAX_NAME_BYTES) return false
  return !name.includes('\0') && !LONE_SURROGATE.test(name)
}
