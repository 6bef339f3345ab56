import { ShardwsError } from './errors.ts'

const MAX_NAME_BYTES = 255

const LONE_SURROGATE = /\p{Surrogate}/u

/** @throws ShardwsError ARGUMENT_INVALID */
export function assertRoom(room: unknown): asserts room is string {
  assertName('room', room)
}

/** @throws ShardwsError ARGUMENT_INVALID */
export function assertUser(userId: unknown): asserts userId is string {
  assertName('userId', userId)
}

/** One name or several, each once. @throws ShardwsError ARGUMENT_INVALID */
export function roomNames(rooms: string | readonly string[]): readonly string[] {
  const names: readonly string[] = Array.isArray(rooms) ? rooms : [rooms as string]
  for (const name of names) assertRoom(name)
  return names.length < 2 ? names : [...new Set(names)]
}

function assertName(argument: string, name: unknown): void {
  if (typeof name === 'string' && isName(name)) return
  const expected = `a string of 1 to ${MAX_NAME_BYTES} bytes of UTF-8 without NUL and lone surrogates`
  throw new ShardwsError('ARGUMENT_INVALID', `${argument} must be ${expected}`)
}

/** What rooms and users may be called. */
function isName(name: string): boolean {
  // At least one byte per UTF-16 unit: no need to count those of an endless string.
  if (name.length === 0 || name.length > MAX_NAME_BYTES || Buffer.byteLength(name) > MAX_NAME_BYTES) return false
  return !name.includes('\0') && !LONE_SURROGATE.test(name)
}
