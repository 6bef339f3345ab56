import { ShardwsError } from './errors.ts'
import { isSendableCloseCode } from './protocol/close-codes.ts'
import { MAX_CONTROL_PAYLOAD } from './protocol/opcodes.ts'

/** @throws ShardwsError ARGUMENT_INVALID */
export function assertMessage(message: unknown): asserts message is string | Uint8Array {
  if (typeof message === 'string') return
  if (!(message instanceof Uint8Array) || (message.length === 0 && isDetached(message))) {
    throw new ShardwsError('ARGUMENT_INVALID', 'message must be a string, Buffer or Uint8Array that is not detached')
  }
}

/** Whether the memory of these empty bytes was transferred away. */
function isDetached({ buffer }: Uint8Array): boolean {
  try {
    new Uint8Array(buffer)
    return false
  } catch {
    return true
  }
}

/** @throws ShardwsError ARGUMENT_INVALID for what JSON has no text for. */
export function jsonText(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    throw new ShardwsError('ARGUMENT_INVALID', `value must have a JSON text: ${cause}`, { cause })
  }
  if (text === undefined) throw new ShardwsError('ARGUMENT_INVALID', `value must have a JSON text, got ${typeof value}`)
  return text
}

/** @throws ShardwsError ARGUMENT_INVALID */
export function assertCloseArguments(code: number, reason: string): void {
  if (!isSendableCloseCode(code)) {
    const got = typeof code === 'number' ? code : typeof code
    throw new ShardwsError('ARGUMENT_INVALID', `code must be 1000-1003, 1007-1014 or 3000-4999, got ${got}`)
  }
  if (typeof reason !== 'string') throw new ShardwsError('ARGUMENT_INVALID', 'reason must be a string')
}

/** @throws ShardwsError ARGUMENT_INVALID */
export function controlPayload(data: string | Uint8Array): Uint8Array {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  if (
    !(bytes instanceof Uint8Array) ||
    bytes.length > MAX_CONTROL_PAYLOAD ||
    (bytes.length === 0 && isDetached(bytes))
  ) {
    throw new ShardwsError(
      'ARGUMENT_INVALID',
      `data must be at most ${MAX_CONTROL_PAYLOAD} bytes or a string of that size`,
    )
  }
  return bytes
}
