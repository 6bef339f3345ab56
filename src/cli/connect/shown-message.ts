import { escapeControls } from '../../main/log-text.ts'

/** Bytes of a binary message that are shown. */
const SHOWN_BYTES = 32

/** A binary message as hexadecimal digits and as text, as much of it as fits a line. */
export function describeBinary(payload: Buffer): string {
  const start = payload.subarray(0, SHOWN_BYTES)
  const digits = start.toString('hex').replace(/..(?=.)/g, '$& ')
  const text = start.toString('latin1').replace(/[^\x20-\x7e]/g, '.')
  const more = payload.length > SHOWN_BYTES ? ' …' : ''
  return `binary, ${payload.length} ${payload.length === 1 ? 'byte' : 'bytes'}: ${digits}${more}${payload.length === 0 ? '' : `  ${text}${more}`}`
}

/** Text for a terminal, where a server must not move the cursor; line ends and tabs stay. */
export function withoutControls(text: string): string {
  return text
    .split(/([\n\t])/)
    .map((part) => (part === '\n' || part === '\t' ? part : escapeControls(part)))
    .join('')
}
