import { RESUME_PREFIX, SESSION_PROTOCOL } from '../shared/protocol/session-protocol.ts'

/** The session of a client. Its token is good for one handshake and known to nobody else. */
export class ClientSession {
  /** Whether the connection has gone on with the session of the one before. */
  isRecovered = false
  #token: string | null = null

  /** What asks for it. */
  get protocols(): readonly string[] {
    return this.#token === null ? [SESSION_PROTOCOL] : [SESSION_PROTOCOL, RESUME_PREFIX + this.#token]
  }

  /** What the server sends first. False: it is a message like all others, because the server has no sessions. */
  take(data: unknown): boolean {
    const told = parse(data)
    this.#token = told?.token ?? null
    this.isRecovered = told?.recovered ?? false
    return told !== null
  }
}

function parse(data: unknown): { readonly token: string; readonly recovered: boolean } | null {
  try {
    const told = JSON.parse(data as string)
    return told.type === 'session' && typeof told.token === 'string' ? told : null
  } catch {
    return null
  }
}
