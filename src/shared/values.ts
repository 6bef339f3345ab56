import { deserialize, serialize } from 'node:v8'
import { ShardwsError } from './errors.ts'

/**
 * A value of the application on its way to another thread: what `structuredClone` takes, transferable objects apart.
 *
 * @param name The argument, for the error message.
 * @throws ShardwsError ARGUMENT_INVALID
 */
export function encodeValue(value: unknown, name: string): Buffer {
  try {
    return serialize(value)
  } catch (cause) {
    throw new ShardwsError('ARGUMENT_INVALID', `${name} must be a value that can be cloned: ${cause}`, { cause })
  }
}

/** `bytes` are those of `encodeValue`. */
export function decodeValue(bytes: Uint8Array): unknown {
  return deserialize(bytes)
}

/** What somebody threw, as of `encodeValue`. An error keeps its kind, message and stack. */
export function encodeError(error: unknown): Buffer {
  try {
    return serialize(error instanceof Error ? error : new Error(String(error)))
  } catch {
    // Its cause, say, cannot be cloned.
    return serialize(new Error(error instanceof Error ? error.message : 'an error that cannot be cloned'))
  }
}

/** `bytes` are those of `encodeError`. */
export function decodeError(bytes: Uint8Array): Error {
  return deserialize(bytes) as Error
}
