import type { IncomingMessage, ServerResponse } from 'node:http'
import { answer, type HttpHandler } from '../main/http-handler.ts'
import { ShardwsError } from '../shared/errors.ts'
import { forgeryOf, isForeign, type Refusal, refusalOf } from './access.ts'
import { act } from './actions.ts'
import { DASHBOARD_ACTIONS, type DashboardAction, type DashboardOptions, resolveDashboard } from './options.ts'
import { createPage } from './page.ts'
import { Sampler } from './sampler.ts'
import { stream } from './stream.ts'
import { isWatchedServer, type WatchedServer } from './watched-server.ts'

export type {
  DashboardAction,
  DashboardActions,
  DashboardOptions,
  DashboardPurpose,
  DashboardVerdict,
} from './options.ts'
export type { HttpHandler, WatchedServer }

const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' }
const EVENTS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  // Compressing or buffering it would hold it back.
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
}
const GUARDS = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/**
 * A page that shows a server at work: give it to `node:http`, Express or any framework, at a path of your choice, for all
 * methods. It needs no other path: the page's own requests go to the same one, with a query.
 *
 * Without `authorize` it answers only a browser on this machine. What it shows is read from shared memory, once per `sampleMs`
 * for all who look, and not at all while nobody does.
 *
 * @throws ShardwsError ARGUMENT_INVALID, OPTION_UNKNOWN, OPTION_INVALID
 */
export function dashboardHandler(server: WatchedServer, options: DashboardOptions = {}): HttpHandler {
  if (!isWatchedServer(server)) throw new ShardwsError('ARGUMENT_INVALID', 'server must be a WebSocketServer')
  const resolved = resolveDashboard(options)
  const page = createPage(resolved)
  const fail = (error: unknown): void => resolved.logger.error({ error: String(error) }, 'the dashboard failed')
  const sampler = new Sampler(server, resolved.sampleMs, fail)

  const show = async (request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> => {
    const refusal = await refusalOf(request, 'view', resolved)
    if (refusal !== null) return refuse(response, refusal)
    if (!query.has('events')) return answer(response, 200, { ...GUARDS, ...page.headers }, page.html)
    if (isForeign(request)) return refuse(response, FOREIGN)
    if (sampler.viewers >= resolved.maxViewers) return refuse(response, FULL)
    if (response.headersSent) return
    response.writeHead(200, { ...GUARDS, ...EVENTS })
    if (request.method === 'HEAD') response.end()
    else stream(request, response, sampler)
  }

  const change = async (request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> => {
    const action = DASHBOARD_ACTIONS.find((each) => each === query.get('action'))
    const refusal = forgeryOf(request) ?? (await refusalOf(request, action ?? 'view', resolved))
    if (refusal !== null) return refuse(response, refusal)
    if (action === undefined) return refuse(response, UNKNOWN)
    if (!resolved.actions.has(action)) return refuse(response, OFF(action))
    const { status, text } = await act(request, action, query, server, resolved)
    answer(response, status, { ...GUARDS, ...TEXT }, text)
  }

  return (request, response) => {
    const { method = '', url = '' } = request
    const at = url.indexOf('?')
    const query = new URLSearchParams(at < 0 ? '' : url.slice(at))
    const handled = method === 'POST' ? change : method === 'GET' || method === 'HEAD' ? show : null
    if (handled === null) return refuse(response, METHOD)
    handled(request, response, query).catch((error: unknown) => {
      fail(error)
      refuse(response, FAILED)
    })
  }
}

const METHOD: Refusal = { status: 405, headers: { Allow: 'GET, HEAD, POST' }, body: 'GET to look, POST to act' }
const FULL: Refusal = {
  status: 503,
  headers: { 'Retry-After': 10 },
  body: 'too many pages of this dashboard are open (maxViewers)',
}
const FOREIGN: Refusal = { status: 403, body: 'refused: the request comes from another site' }
const UNKNOWN: Refusal = { status: 400, body: 'action must be reload, resize or drain' }
const FAILED: Refusal = { status: 500, body: 'the dashboard failed; the log says why' }
const OFF = (action: DashboardAction): Refusal => ({ status: 403, body: `options.actions.${action} is off` })

function refuse(response: ServerResponse, { status, headers = {}, body }: Refusal): void {
  answer(response, status, { ...GUARDS, ...TEXT, ...headers }, `${body}\n`)
}
