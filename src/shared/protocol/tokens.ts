// RFC 9110 §5.6.2: tchar, one byte per ASCII code.
const IS_TOKEN_CHARACTER = new Uint8Array(128)
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  IS_TOKEN_CHARACTER[character.charCodeAt(0)] = 1
}

const COMMA = 0x2c
const SPACE = 0x20
const TAB = 0x09

/** RFC 9110 §5.6.2: one or more token characters. */
export function isToken(text: string): boolean {
  return text.length > 0 && tokenEnd(text, 0) === text.length
}

/** Where the token that begins at `offset` ends; `offset` itself if none does. */
export function tokenEnd(text: string, offset: number): number {
  let at = offset
  while (at < text.length && IS_TOKEN_CHARACTER[text.charCodeAt(at)] === 1) at += 1
  return at
}

/** RFC 9110 §5.6.3: where the optional spaces and tabs that begin at `offset` end. */
export function skipWhitespace(text: string, offset: number): number {
  let at = offset
  while (at < text.length && (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB)) at += 1
  return at
}

/** `text` without the spaces and tabs around it. */
export function trimWhitespace(text: string): string {
  const start = skipWhitespace(text, 0)
  let end = text.length
  while (end > start && (text.charCodeAt(end - 1) === SPACE || text.charCodeAt(end - 1) === TAB)) end -= 1
  return text.slice(start, end)
}

/**
 * RFC 9110 §5.6.1: the elements of a comma-separated list of tokens, or null if it is anything else.
 * Empty elements are skipped, as a recipient has to; reads every character once.
 */
export function parseTokenList(text: string): string[] | null {
  const tokens: string[] = []
  let at = 0
  while (at < text.length) {
    const start = skipWhitespace(text, at)
    const end = tokenEnd(text, start)
    if (end > start) tokens.push(text.slice(start, end))
    at = skipWhitespace(text, end)
    if (at === text.length) break
    if (text.charCodeAt(at) !== COMMA) return null
    at += 1
  }
  return tokens
}

/** RFC 9110 §5.5, without obs-text: a header value that cannot end its line or be read in two encodings. */
export function isFieldValue(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if ((code < SPACE && code !== TAB) || code > 0x7e) return false
  }
  return true
}
