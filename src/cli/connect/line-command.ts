import { assertCloseArguments, controlPayload } from '../../shared/message-arguments.ts'
import { CloseCode } from '../../shared/protocol/close-codes.ts'

/** What a line of the input asks for. */
export type LineCommand =
  | { readonly kind: 'send'; readonly text: string }
  | { readonly kind: 'ping'; readonly payload: Uint8Array }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string }
  /** It is no command, and why. */
  | { readonly kind: 'nothing'; readonly why: string }

/** `isRaw`: a line is a message whatever it begins with. */
export function readLine(line: string, isRaw: boolean): LineCommand {
  if (isRaw || !line.startsWith('/')) return { kind: 'send', text: line }
  if (line.startsWith('//')) return { kind: 'send', text: line.slice(1) }
  const [, name = '', rest = ''] = /^\/(\S*)\s*(.*)$/.exec(line) ?? []
  try {
    if (name === 'ping') return { kind: 'ping', payload: controlPayload(rest) }
    if (name === 'close') return readClose(rest)
  } catch (error) {
    return { kind: 'nothing', why: `/${name}: ${(error as Error).message}` }
  }
  return { kind: 'nothing', why: `no command /${name}: there are /ping and /close, and /${line} sends it as it is` }
}

/** @throws ShardwsError for a code that may not be sent. */
function readClose(rest: string): LineCommand {
  const [, code = '', reason = ''] = /^(\S*)\s*(.*)$/.exec(rest) ?? []
  const number = code === '' ? CloseCode.NORMAL_CLOSURE : Number(code)
  assertCloseArguments(number, reason)
  return { kind: 'close', code: number, reason }
}
