import type { ConnectionKey } from '../shared/connection-key.ts'
import { ShardwsError } from '../shared/errors.ts'
import { type FanOut, SendFlag } from '../shared/messages.ts'
import { encodeFrame } from '../shared/protocol/frame-writer.ts'
import { Opcode } from '../shared/protocol/opcodes.ts'
import type { MainCounters } from './main-counters.ts'
import { assertMessage } from './message-arguments.ts'
import { type BroadcastOptions, type Peer, type PeerShard, sendFlags } from './peer.ts'

/** A frame of this size or more is mapped by every shard instead of being copied to each. */
const SHARED_MEMORY_BYTES = 4096

/** No connection has this key: nobody is excepted. */
const NOBODY = -1

/** Builds the frame that every member of an audience gets. */
export function encodeFanOut(message: string | Uint8Array, flags: number, except: ConnectionKey): FanOut {
  const payload = typeof message === 'string' ? Buffer.from(message) : message
  const frame = encodeFrame((flags & SendFlag.BINARY) === 0 ? Opcode.TEXT : Opcode.BINARY, payload)
  const posted = frame.length >= SHARED_MEMORY_BYTES ? inSharedMemory(frame) : frame
  return { frame: posted, payloadBytes: payload.length, except, flags }
}

/** What a caller of `broadcast` or `publish` has asked for. @throws ShardwsError ARGUMENT_INVALID */
export function readFanOut(
  message: string | Uint8Array,
  options: boolean | BroadcastOptions,
  find: (id: string) => Peer | undefined,
): { readonly flags: number; readonly except: ConnectionKey } {
  assertMessage(message)
  const flags = sendFlags(message, options)
  const except = typeof options === 'object' ? options.except : undefined
  if (except === undefined) return { flags, except: NOBODY }
  if (typeof except === 'string') return { flags, except: find(except)?.key ?? NOBODY }
  if (typeof except?.key === 'number') return { flags, except: except.key }
  throw new ShardwsError('ARGUMENT_INVALID', 'options.except must be a connection or its id')
}

/** Posts to each of these shards. False if one was too far behind to take it. */
export function postToEach(
  shards: readonly PeerShard[],
  counters: MainCounters,
  post: (link: PeerShard['link']) => void,
): boolean {
  let isComplete = true
  for (const { link } of shards) {
    if (link.hasCredit()) {
      post(link)
    } else {
      counters.refusedByLink++
      isComplete = false
    }
  }
  return isComplete
}

function inSharedMemory(frame: Buffer): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(frame.length)
  new Uint8Array(memory).set(frame)
  return memory
}
