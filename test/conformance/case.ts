import { encodeFrames, type FrameSpec, RawOpcode } from '../fixtures/raw-frame.ts'

/** One conformance case against an echo server: what the client does, what it must see, how it must end. */
export interface Case {
  /** Category and number; an `S` in front marks a case of ours that has no counterpart in Autobahn. */
  readonly id: string
  readonly what: string
  /** Built when the case runs, so that large payloads do not outlive it. */
  readonly steps: () => readonly Step[]
  readonly end: End
  /** `Sec-WebSocket-Extensions`, which must then be agreed on. Default: none. */
  readonly offer?: string
  /** Of every wait, milliseconds. Default 5000. */
  readonly deadlineMs?: number
}

export type Step =
  | { readonly kind: 'send'; readonly bytes: Buffer; readonly chop?: number }
  | { readonly kind: 'sendEach'; readonly writes: readonly Buffer[] }
  | { readonly kind: 'sendDeflated'; readonly opcode: number; readonly payload: Buffer; readonly cut?: number }
  | {
      readonly kind: 'message'
      readonly opcode: number
      readonly payload: Buffer
      /** Whether it has to come compressed; undefined: as the server likes. */
      readonly isCompressed?: boolean
    }
  | { readonly kind: 'pong'; readonly payload: Buffer }
  | { readonly kind: 'fin' }

/**
 * - `'clean'`: nothing unasked has come; the client closes with 1000, the server answers 1000 and ends TCP first.
 * - a number: the server sends a close frame with this code (1005: without a body) and then ends TCP.
 * - `'dropped'`: the server ends TCP without a close frame.
 */
export type End = 'clean' | 'dropped' | number

// ── steps ──

/** All frames in one write. */
export function send(...frames: FrameSpec[]): Step {
  return { kind: 'send', bytes: encodeFrames(frames) }
}

/** `size` bytes per write. */
export function chop(size: number, ...frames: FrameSpec[]): Step {
  return { kind: 'send', bytes: encodeFrames(frames), chop: size }
}

/** One write per frame. */
export function sendEach(...frames: FrameSpec[]): Step {
  return { kind: 'sendEach', writes: frames.map((frame) => encodeFrames([frame])) }
}

/** The first `count` bytes of what `frame` would be: the peer has to judge what it has. */
export function sendPart(count: number, frame: FrameSpec): Step {
  return { kind: 'send', bytes: encodeFrames([frame]).subarray(0, count) }
}

/** One message compressed as agreed, in frames of at most `size` bytes of it. */
export function sendDeflated(opcode: number, payload: Buffer, size?: number): Step {
  return { kind: 'sendDeflated', opcode, payload, ...(size !== undefined && { cut: size }) }
}

export function got(opcode: number, payload: Buffer, isCompressed?: boolean): Step {
  return { kind: 'message', opcode, payload, ...(isCompressed !== undefined && { isCompressed }) }
}

export function gotText(payload: Buffer | string): Step {
  return { kind: 'message', opcode: RawOpcode.Text, payload: Buffer.from(payload) }
}

export function gotBinary(payload: Buffer): Step {
  return { kind: 'message', opcode: RawOpcode.Binary, payload }
}

export function gotPong(payload: Buffer | string = ''): Step {
  return { kind: 'pong', payload: Buffer.from(payload) }
}

/** The client's FIN without a close frame. */
export const fin: Step = { kind: 'fin' }

// ── frames ──

type Fields = Omit<FrameSpec, 'opcode' | 'payload'>

export function text(payload: Buffer | string = '', fields: Fields = {}): FrameSpec {
  return { ...fields, opcode: RawOpcode.Text, payload }
}

export function binary(payload: Buffer | string = '', fields: Fields = {}): FrameSpec {
  return { ...fields, opcode: RawOpcode.Binary, payload }
}

export function continuation(payload: Buffer | string = '', fields: Fields = {}): FrameSpec {
  return { ...fields, opcode: RawOpcode.Continuation, payload }
}

export function ping(payload: Buffer | string = '', fields: Fields = {}): FrameSpec {
  return { ...fields, opcode: RawOpcode.Ping, payload }
}

export function pong(payload: Buffer | string = '', fields: Fields = {}): FrameSpec {
  return { ...fields, opcode: RawOpcode.Pong, payload }
}

export function closing(code?: number, reason: Buffer | string = '', fields: Fields = {}): FrameSpec {
  return { ...fields, opcode: RawOpcode.Close, payload: code === undefined ? '' : closeBody(code, reason) }
}

function closeBody(code: number, reason: Buffer | string): Buffer {
  const head = Buffer.alloc(2)
  head.writeUInt16BE(code)
  return Buffer.concat([head, Buffer.from(reason)])
}

export const unfinished: Fields = { fin: false }

/** One message as several frames. */
export function fragments(opcode: number, parts: readonly (Buffer | string)[]): FrameSpec[] {
  return parts.map((payload, index) => ({
    opcode: index === 0 ? opcode : RawOpcode.Continuation,
    payload,
    fin: index === parts.length - 1,
  }))
}

/** `payload` in parts of `size` bytes; at least one part. */
export function cut(payload: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = []
  for (let offset = 0; offset < payload.length; offset += size) parts.push(payload.subarray(offset, offset + size))
  return parts.length > 0 ? parts : [payload]
}

// ── payloads ──

/** ASCII whose period is prime, so that a part lost, doubled or swapped shows. */
export function ascii(length: number): Buffer {
  return Buffer.alloc(length, ASCII_PERIOD)
}

/** Every byte value, in a prime period. */
export function octets(length: number): Buffer {
  return Buffer.alloc(length, OCTET_PERIOD)
}

const ASCII_PERIOD = Buffer.from(Array.from({ length: 251 }, (_, index) => 0x20 + ((index * 7) % 95)))
const OCTET_PERIOD = Buffer.from(Array.from({ length: 257 }, (_, index) => (index * 167 + 0x80) & 0xff))
