/** Characters of one text of a client's in a log record. */
const MAX_LENGTH = 256

const REDACTED = '***'

/** A text as it may stand in a line of a log: line ends, terminal controls and marks that turn the writing are escaped. */
export function escapeControls(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** What a client has sent, escaped and not too long. */
export function clientText(text: string): string {
  return escapeControls(text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text)
}

/** The same of a request target. Browsers cannot send headers, so tokens are in the query: its values are left out. */
export function clientUrl(url: string): string {
  const at = url.indexOf('?')
  if (at === -1) return clientText(url)
  const names = url
    .slice(at + 1)
    .split('&', MAX_LENGTH)
    .map(redact)
  return clientText(`${url.slice(0, at)}?${names.join('&')}`)
}

/** Something without a name may be the token itself. */
function redact(pair: string): string {
  const end = pair.indexOf('=')
  return end === -1 ? REDACTED : `${pair.slice(0, end)}=${REDACTED}`
}
