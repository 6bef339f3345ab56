import { MAX_SLOTS } from '../shared/connection-key.ts'
import type { DeflatePolicy } from '../shared/protocol/permessage-deflate.ts'
import { type Check, checkOptions, integer, oneOf } from './option-checks.ts'
import type { CompressionOptions, WebSocketServerOptions } from './options.ts'

const INT32_MAX = 2 ** 31 - 1

const COMPRESSION_CHECKS: Readonly<Record<keyof CompressionOptions, Check>> = {
  mode: oneOf('shared', 'dedicated'),
  level: integer(1, 9),
  memLevel: integer(1, 9),
  serverMaxWindowBits: integer(9, 15),
  clientMaxWindowBits: integer(9, 15),
  maxDedicatedContexts: integer(0, MAX_SLOTS),
  inflateBytesPerSecond: integer(1, INT32_MAX),
}

/** @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function resolveCompression(given: WebSocketServerOptions['compression']): Required<CompressionOptions> | null {
  if (given === undefined || given === false || given === 'disabled') return null
  const options: CompressionOptions = given === true ? {} : typeof given === 'string' ? { mode: given } : given
  checkOptions('options.compression', COMPRESSION_CHECKS, options)
  return {
    mode: options.mode ?? 'shared',
    level: options.level ?? 3,
    memLevel: options.memLevel ?? 6,
    serverMaxWindowBits: options.serverMaxWindowBits ?? 13,
    clientMaxWindowBits: options.clientMaxWindowBits ?? 13,
    maxDedicatedContexts: options.maxDedicatedContexts ?? 1000,
    inflateBytesPerSecond: options.inflateBytesPerSecond ?? 8 * 1024 * 1024,
  }
}

export function deflatePolicyOf(options: Required<CompressionOptions>): DeflatePolicy {
  const isShared = options.mode === 'shared'
  const { serverMaxWindowBits, clientMaxWindowBits } = options
  return {
    serverNoContextTakeover: isShared,
    clientNoContextTakeover: isShared,
    serverMaxWindowBits,
    clientMaxWindowBits,
  }
}
