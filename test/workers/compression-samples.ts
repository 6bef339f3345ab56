import type { Agreement } from '../../src/shared/protocol/permessage-deflate.ts'
import type { CompressionOptions } from '../../workers/compression.ts'

const MIB = 1024 * 1024

export const OPTIONS: CompressionOptions = {
  level: 3,
  memLevel: 6,
  maxPayload: MIB,
  maxDedicatedContexts: 1000,
  inflateBytesPerSecond: 8 * MIB,
}

export const KEEPING: Agreement = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 13,
  clientMaxWindowBits: 15,
}
export const FORGETTING = { ...KEEPING, serverNoContextTakeover: true, clientNoContextTakeover: true }

/** What a sender leaves out at the end of a message (RFC 7692 §7.2.1). */
export const TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff)
export const TEXT = Buffer.from(
  'the quick brown fox jumps over the lazy dog, and the quick brown dog over the lazy fox',
)
