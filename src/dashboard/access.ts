import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { hostOf, whyNotLocal } from './loopback.ts'
import type { DashboardPurpose, DashboardVerdict, ResolvedDashboard } from './options.ts'

/** A field that no form, link or image of another site can send: with it a browser asks the server first (CORS), and hears no. */
export const ACTION_FIELD = 'shardws-dashboard'

const MOST_STATUS = 599

export interface Refusal {
  readonly status: number
  readonly headers?: OutgoingHttpHeaders
  readonly body: string
}

/** Null: let in. Never rejects. */
export async function refusalOf(
  request: IncomingMessage,
  purpose: DashboardPurpose,
  { authorize, logger }: ResolvedDashboard,
): Promise<Refusal | null> {
  if (authorize === null) {
    const why = whyNotLocal(request)
    return why === null ? null : { status: 403, body: LOCAL_ONLY.replace('%', why) }
  }
  try {
    return refusalFrom(await Promise.resolve(authorize(request, purpose)))
  } catch (error) {
    logger.error({ error: String(error), purpose }, 'authorize of the dashboard failed')
    return { status: 500, body: 'authorize failed; the log says why' }
  }
}

/** Whether another site may have made a browser send this: null if not. */
export function forgeryOf(request: IncomingMessage): Refusal | null {
  if (request.headers[ACTION_FIELD] === undefined) return forged(`the header ${ACTION_FIELD}: 1 is missing`)
  return isForeign(request) ? forged('the request comes from another site') : null
}

/** Whether a browser says that a page of another site sends this. */
export function isForeign(request: IncomingMessage): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers
  // A proxy may have changed Host, so what the browser itself says of the two goes first.
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  if (origin === undefined) return false
  return !URL.canParse(origin) || new URL(origin).host !== hostOf(request).toLowerCase()
}

function refusalFrom(verdict: DashboardVerdict): Refusal | null {
  if (verdict === true) return null
  const { status, headers = {}, body = '' } = typeof verdict === 'object' && verdict !== null ? verdict : FORBIDDEN
  // A verdict that says 'fine' in a way of its own is none.
  if (!Number.isInteger(status) || status < 300 || status > MOST_STATUS) return FORBIDDEN
  return { status, headers, body: String(body) }
}

const forged = (why: string): Refusal => ({ status: 403, body: `refused: ${why}` })

const FORBIDDEN: Refusal = { status: 403, body: 'not allowed' }

const LOCAL_ONLY = `This dashboard was given no "authorize" function, so it answers a browser on this machine only, and this request is
none: %.

  dashboardHandler(server, { authorize: (request) => isOperator(request) })

lets in whom you choose.`
