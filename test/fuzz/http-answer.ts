import { parseResponse, type RawResponse } from '../fixtures/raw-request.ts'

export interface HttpAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, readonly string[]>
  /** Whether it says that nothing follows it. */
  readonly isLast: boolean
  /** Where it ends in the bytes. */
  readonly end: number
}

/** The answer that begins the bytes; null while it is incomplete. Throws for one that is malformed. */
export function readAnswer(bytes: Buffer, isEnded: boolean): HttpAnswer | null {
  const head = parseResponse(bytes)
  if (head === undefined) return null
  const end = endOf(bytes, head, isEnded)
  if (end === null) return null
  const connection = head.headers.get('connection')?.join(',').toLowerCase() ?? ''
  return { status: head.status, headers: head.headers, isLast: /\bclose\b/.test(connection), end }
}

function endOf(bytes: Buffer, { status, headers, headEnd }: RawResponse, isEnded: boolean): number | null {
  if (status < 200) return headEnd
  const lengths = headers.get('content-length') ?? []
  const codings = headers.get('transfer-encoding') ?? []
  if (lengths.length + codings.length > 1) throw new Error('an answer framed twice')
  if (codings.length > 0) return endOfChunks(bytes, headEnd)
  // RFC 9112 §6.3: without either it ends with the connection.
  if (lengths.length === 0) return isEnded ? bytes.length : null
  const [length = ''] = lengths
  if (!/^\d+$/.test(length)) throw new Error(`Content-Length: ${length}`)
  const end = headEnd + Number(length)
  return end <= bytes.length ? end : null
}

function endOfChunks(bytes: Buffer, start: number): number | null {
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return null
    const line = bytes.toString('latin1', at, lineEnd)
    if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`a chunk of ${JSON.stringify(line)} bytes`)
    const size = Number.parseInt(line, 16)
    at = lineEnd + 2 + size + 2
    if (at > bytes.length) return null
    if (size === 0) return at
  }
}
