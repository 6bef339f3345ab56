import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { createStderrLogger, type Logger } from '../main/logger.ts'
import { type Check, checkOptions, integer, isBoolean, isFunction, isLogger, isObject } from '../main/option-checks.ts'
import { planShutdown, type ShutdownOptions } from '../main/shutdown-options.ts'

/** What somebody wants: to look, or one of the actions. */
export type DashboardPurpose = 'view' | DashboardAction
/** What somebody may do besides looking. */
export type DashboardAction = 'reload' | 'resize' | 'drain'

/** True: let in. False: 403. An object: that answer, such as a 401 with `WWW-Authenticate` or a 302 to a login. */
export type DashboardVerdict =
  | boolean
  | { readonly status: number; readonly headers?: OutgoingHttpHeaders; readonly body?: string }

/** What the page has buttons for; all of it is off unless given. */
export interface DashboardActions {
  /** `server.reload()`. Default false. */
  readonly reload?: boolean
  /** `server.resize(shards)`. Default false. */
  readonly resize?: boolean
  /** `server.shutdown(options)`; true: the closes are spread over ten seconds. Default false. */
  readonly drain?: boolean | ShutdownOptions
}

/** Who may look at the page, and what it offers. */
export interface DashboardOptions {
  /**
   * Whether this request may look (`purpose` is `'view'`) or act. It is asked about every request, and about an open page again
   * every five minutes. If it throws or rejects, nobody is let in (500) and `logger` hears of it. Without it only a browser on this machine
   * is let in: a loopback peer that asks for a loopback host and that no proxy speaks for.
   */
  readonly authorize?: (
    request: IncomingMessage,
    purpose: DashboardPurpose,
  ) => DashboardVerdict | Promise<DashboardVerdict>
  /** What the page has buttons for. Default: nothing. */
  readonly actions?: DashboardActions
  /** Tells several servers apart, 1 to 60 characters. Default: none. */
  readonly title?: string
  /** Milliseconds between two looks at the server, while somebody looks at the page: 100 to 60000. Default 1000. */
  readonly sampleMs?: number
  /** Open pages at a time, 1 to 1000; one more gets 503. Default 20. */
  readonly maxViewers?: number
  /** Hears who acts, and of an `authorize` that fails. Default: the standard error, from `warn` up. */
  readonly logger?: Logger
}

export interface ResolvedDashboard {
  readonly authorize: NonNullable<DashboardOptions['authorize']> | null
  /** Those there are buttons for. */
  readonly actions: ReadonlySet<DashboardAction>
  readonly drain: ShutdownOptions
  readonly title: string
  readonly sampleMs: number
  readonly maxViewers: number
  readonly logger: Logger
}

const MAX_TITLE = 60
const DRAIN_MS = 10_000

const CHECKS: Readonly<Record<keyof DashboardOptions, Check>> = {
  authorize: isFunction,
  actions: isObject('an object'),
  title: (value) =>
    typeof value === 'string' && value.length > 0 && value.length <= MAX_TITLE
      ? null
      : `a string of 1 to ${MAX_TITLE} characters`,
  sampleMs: integer(100, 60_000),
  maxViewers: integer(1, 1000),
  logger: isLogger,
}

const ACTION_CHECKS: Readonly<Record<DashboardAction, Check>> = {
  reload: isBoolean,
  resize: isBoolean,
  drain: (value) => (typeof value === 'object' && value !== null ? null : isBoolean(value)),
}

export const DASHBOARD_ACTIONS = Object.keys(ACTION_CHECKS) as readonly DashboardAction[]

/** @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function resolveDashboard(options: DashboardOptions): ResolvedDashboard {
  checkOptions('options', CHECKS, options)
  const { authorize = null, actions = {}, title = '', sampleMs = 1000, maxViewers = 20 } = options
  checkOptions('options.actions', ACTION_CHECKS, actions)
  const drain = typeof actions.drain === 'object' ? actions.drain : { drainMs: DRAIN_MS }
  planShutdown(drain, 'options.actions.drain', 'OPTION_INVALID')
  return Object.freeze({
    authorize,
    actions: new Set(DASHBOARD_ACTIONS.filter((action) => (actions[action] ?? false) !== false)),
    drain,
    title,
    sampleMs,
    maxViewers,
    logger: options.logger ?? createStderrLogger('warn'),
  })
}
