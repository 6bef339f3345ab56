const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What can follow the first bytes of any character that is not complete. */
const COMPLETIONS = ['', '80', '8080', '808080', 'a080', '908080'].map((hex) => Buffer.from(hex, 'hex'))

export function isWholeUtf8(bytes: Buffer): boolean {
  try {
    DECODER.decode(bytes)
    return true
  } catch {
    return false
  }
}

/** Whether more bytes can make it valid. */
export function canBecomeUtf8(bytes: Buffer): boolean {
  return COMPLETIONS.some((completion) => isWholeUtf8(Buffer.concat([bytes, completion])))
}
