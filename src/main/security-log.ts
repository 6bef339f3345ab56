import type { IncomingMessage } from 'node:http'
import { ERRORS, type ErrorCode } from '../shared/errors.ts'
import { CloseCode } from '../shared/protocol/close-codes.ts'
import { clientText, clientUrl } from './log-text.ts'
import type { Logger } from './logger.ts'
import { SampledLog } from './sampled-log.ts'

/** Whom a refusal is about. */
export interface Applicant {
  readonly request: IncomingMessage
  /** The client's address. */
  readonly ip: string
}

/** Whom a close is about; a `Peer` is one. */
interface Offender {
  readonly id: string
  readonly request: { readonly ip: string }
}

/** The refusals that are for security's sake, and why. */
const REASONS: Readonly<Partial<Record<ErrorCode, string>>> = {
  ORIGIN_FORBIDDEN: 'origin',
  ADDRESS_FORBIDDEN: 'address',
  TOO_MANY_CONNECTIONS: 'rate',
  CONNECTION_RATE: 'rate',
  UNAUTHORIZED: 'auth',
}

/** Who was kept out or thrown out, one record each with `security: true`. */
export class SecurityLog {
  readonly #log: SampledLog
  readonly #logger: Logger
  #hasWarned = false

  constructor(logger: Logger) {
    this.#logger = logger
    this.#log = new SampledLog(logger, 'warn', 'security events', { security: true })
  }

  /** Returns whether `code` is its business. */
  refused(code: ErrorCode, why: string, { request, ip }: Applicant): boolean {
    const reason = REASONS[code]
    if (reason === undefined) return false
    const { option } = ERRORS[code]
    const { origin } = request.headers
    const details = {
      reason,
      code,
      ...(option !== undefined && { option }),
      ip,
      url: clientUrl(request.url ?? ''),
      ...(origin !== undefined && { origin: clientText(origin) }),
    }
    this.#log.write(details, `handshake refused: ${why}`)
    return true
  }

  /** The server closes a connection with 1008. */
  closed({ id, request }: Offender, text: string): void {
    const { POLICY_VIOLATION: closeCode } = CloseCode
    const details = { reason: 'policy', closeCode, id, ip: request.ip, text: clientText(text) }
    this.#log.write(details, 'connection closed for breaking a policy')
  }

  /** A browser sends its user's cookies along, and any page may open a WebSocket: said once. */
  cookieForAnyOrigin(): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#logger.warn(
      { security: true, reason: 'origin', option: 'allowOrigins' },
      "a client sends cookies and every origin may connect: list yours in allowOrigins, or 'same-origin'",
    )
  }
}
