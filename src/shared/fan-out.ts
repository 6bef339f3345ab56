import type { ConnectionKey } from './connection-key.ts'
import { ShardwsError } from './errors.ts'
import { assertMessage } from './message-arguments.ts'
import { type Excluded, type FanOut, NOBODY, SendFlag } from './messages.ts'
import { encodeFrame } from './protocol/frame-writer.ts'
import { Opcode } from './protocol/opcodes.ts'
import { roomNames } from './room-name.ts'
import type { Addressee, BroadcastOptions, SendOptions } from './send-options.ts'

/** A frame of this size or more is mapped by every shard instead of being copied to each. */
const SHARED_MEMORY_BYTES = 4096

/** The bits of `SendFlag` for `message`; a boolean says whether it is binary. @throws ShardwsError ARGUMENT_INVALID */
export function sendFlags(message: string | Uint8Array, options?: boolean | SendOptions): number {
  if (options === undefined) return typeof message === 'string' ? 0 : SendFlag.BINARY
  if (typeof options === 'boolean') return options ? SendFlag.BINARY : 0
  if (typeof options !== 'object' || options === null) {
    throw new ShardwsError('ARGUMENT_INVALID', 'options must be a boolean (isBinary) or an object')
  }
  const { isBinary, compress } = options
  const binary = (isBinary ?? typeof message !== 'string') ? SendFlag.BINARY : 0
  return compress === false ? binary | SendFlag.PLAIN : binary
}

/**
 * Builds the frame that every member of an audience gets.
 *
 * @param keyOf The connection with this id, undefined for an id that is not known.
 * @throws ShardwsError ARGUMENT_INVALID
 */
export function encodeFanOut(
  message: string | Uint8Array,
  options: boolean | BroadcastOptions,
  keyOf: (id: string) => ConnectionKey | undefined,
): FanOut {
  assertMessage(message)
  const flags = sendFlags(message, options)
  const excluded = typeof options === 'object' ? readExcluded(options, keyOf) : NOBODY
  const payload = typeof message === 'string' ? Buffer.from(message) : message
  const frame = encodeFrame((flags & SendFlag.BINARY) === 0 ? Opcode.TEXT : Opcode.BINARY, payload)
  const posted = frame.length >= SHARED_MEMORY_BYTES ? inSharedMemory(frame) : frame
  return { frame: posted, payloadBytes: payload.length, excluded, flags }
}

function readExcluded(
  { except, exceptRooms }: BroadcastOptions,
  keyOf: (id: string) => ConnectionKey | undefined,
): Excluded {
  if (except === undefined && exceptRooms === undefined) return NOBODY
  const connections: readonly (string | Addressee)[] =
    except === undefined ? [] : Array.isArray(except) ? except : [except as string | Addressee]
  const keys = connections.flatMap((each) => {
    if (typeof each === 'string') return keyOf(each) ?? []
    if (typeof each?.key === 'number') return each.key
    throw new ShardwsError('ARGUMENT_INVALID', 'options.except must be a connection, its id or an array of these')
  })
  return { keys, rooms: exceptRooms === undefined ? [] : roomNames(exceptRooms) }
}

function inSharedMemory(frame: Buffer): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(frame.length)
  new Uint8Array(memory).set(frame)
  return memory
}
