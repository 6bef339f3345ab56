import type { IncomingMessage } from 'node:http'
import { RESUME_PREFIX, SESSION_PROTOCOL } from '../shared/protocol/session-protocol.ts'

const HEADER = 'sec-websocket-protocol'

/** A client that wants a session. */
export interface SessionOffer {
  /** The subprotocols that it offers besides. */
  readonly protocols: readonly string[]
  /** Of the session that it had, null for none, '' for several, which cannot be. */
  readonly token: string | null
}

/** What a client that asked for a session is told first of all. */
export interface Greeting {
  readonly message: string
  readonly isRecovered: boolean
}

/** Null: the client does not ask for a session. A token is taken out of the request's headers, so that nothing logs it. */
export function takeSessionOffer(
  request: Pick<IncomingMessage, 'headers' | 'rawHeaders'>,
  offered: readonly string[],
): SessionOffer | null {
  if (!offered.includes(SESSION_PROTOCOL)) return null
  const tokens = offered
    .filter((name) => name.startsWith(RESUME_PREFIX))
    .map((name) => name.slice(RESUME_PREFIX.length))
  const others = offered.filter((name) => !name.startsWith(RESUME_PREFIX))
  if (tokens.length > 0) {
    request.headers[HEADER] = others.join(', ')
    hide(request.rawHeaders)
  }
  const [token = null] = tokens
  return { protocols: others.filter((name) => name !== SESSION_PROTOCOL), token: tokens.length > 1 ? '' : token }
}

/** The header may have been repeated: each keeps what is no token. */
function hide(rawHeaders: string[]): void {
  for (const [index, name] of rawHeaders.entries()) {
    if (index % 2 === 1 || name.toLowerCase() !== HEADER) continue
    const names = (rawHeaders[index + 1] ?? '').split(',').map((each) => each.trim())
    rawHeaders[index + 1] = names.filter((each) => !each.startsWith(RESUME_PREFIX)).join(', ')
  }
}
