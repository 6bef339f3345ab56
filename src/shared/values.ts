import { isNativeError } from 'node:util/types'
import { DefaultDeserializer, DefaultSerializer, deserialize, serialize } from 'node:v8'
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

/** What of an error no clone keeps. */
interface ErrorMarks {
  readonly name: string
  readonly code: string | number | undefined
}

/**
 * What somebody threw: as of `encodeValue`, and behind it what `decodeError` adds. An error keeps its kind, name, code, message
 * and stack.
 */
export function encodeError(error: unknown): Buffer {
  const marks = marksOf(error)
  try {
    return withMarks(isNativeError(error) ? error : nativeError(error), marks)
  } catch {
    // Its cause, say, cannot be cloned.
    return withMarks(new Error(error instanceof Error ? error.message : 'an error that cannot be cloned'), marks)
  }
}

function withMarks(error: Error, marks: ErrorMarks): Buffer {
  const serializer = new DefaultSerializer()
  serializer.writeHeader()
  serializer.writeValue(error)
  serializer.writeValue(marks)
  return serializer.releaseBuffer()
}

function marksOf(thrown: unknown): ErrorMarks {
  const { name, code }: { name: string; code?: unknown } = thrown instanceof Error ? thrown : new Error()
  const isPlain = typeof code === 'string' || typeof code === 'number'
  return { name: String(name), code: isPlain ? code : undefined }
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
  const deserializer = new DefaultDeserializer(bytes)
  deserializer.readHeader()
  const error = deserializer.readValue() as Error
  const { name, code } = deserializer.readValue() as ErrorMarks
  if (error.name !== name) Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  return code === undefined ? error : Object.assign(error, { code })
}
