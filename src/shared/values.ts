import { isNativeError } from 'node:util/types'
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
    return serialize(isNativeError(error) ? error : nativeError(error))
  } catch {
    // Its cause, say, cannot be cloned.
    return serialize(new Error(error instanceof Error ? error.message : 'an error that cannot be cloned'))
  }
}

/** Of what only inherits from Error no message would be cloned: module loaders and old libraries throw that. */
function nativeError(thrown: unknown): Error {
  if (!(thrown instanceof Error)) return new Error(String(thrown))
  const error = new Error(thrown.message)
  if (thrown.stack !== undefined) error.stack = thrown.stack
  return error
}

/** `bytes` are those of `encodeError`. */
export function decodeError(bytes: Uint8Array): Error {
  return deserialize(bytes) as Error
}
