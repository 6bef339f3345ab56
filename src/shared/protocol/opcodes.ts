/** Frame opcodes, RFC 6455 §5.2. */
export const Opcode = {
  CONTINUATION: 0x0,
  TEXT: 0x1,
  BINARY: 0x2,
  CLOSE: 0x8,
  PING: 0x9,
  PONG: 0xa,
} as const

export type Opcode = (typeof Opcode)[keyof typeof Opcode]

// Byte 0 of a frame header.
export const FIN = 0x80
export const RSV1 = 0x40
export const RSV_BITS = 0x70
export const OPCODE_BITS = 0x0f
/** Set in the opcode of every control frame. */
export const CONTROL_BIT = 0x08

// Byte 1 of a frame header.
export const MASK = 0x80
export const LENGTH_BITS = 0x7f
/** Values of the length bits that announce an extended length of 2 or 8 bytes. */
export const LENGTH_16 = 126
export const LENGTH_64 = 127

/** Bytes; RFC 6455 §5.5. */
export const MAX_CONTROL_PAYLOAD = 125
