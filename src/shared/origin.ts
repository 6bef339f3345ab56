/** One entry of `allowOrigins`: a function is given the origin as it was sent. */
export type AllowedOrigin = string | RegExp | ((origin: string) => boolean)

/** `host`: what the `Host` of the same request says. */
type Rule = (origin: string, host: string) => boolean

interface Origin {
  readonly scheme: string
  readonly host: string
  /** Resolved: the scheme's own where it is not written; '' for a scheme without one. */
  readonly port: string
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' }

/** RFC 6454 §6.2: scheme, host and perhaps a port, nothing else. In a rule, `*` may stand in host and port. */
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/([a-z0-9_.*-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}|\*))?\/?$/

/** RFC 1035 §2.3.4. Several `*` in a label cost the square of its length: a longer host is refused unread. */
const MAX_HOST_LENGTH = 253

/** What `*` in a host stands for: within one label. */
const WITHIN_LABEL = '[a-z0-9_-]+'

/** The origin whose page the server itself could have sent. */
const SAME_ORIGIN = 'same-origin'

/**
 * Compiles `allowOrigins` into one predicate. An empty list, or one with '*', allows every origin. Without a host
 * nothing is of the same origin.
 */
export function compileOrigins(allowed: readonly AllowedOrigin[]): (origin: string, host?: string) => boolean {
  if (allowed.length === 0 || allowed.includes('*')) return () => true
  const rules = allowed.map(compile)
  return (origin, host = '') => rules.some((isAllowed) => isAllowed(origin, host))
}

function compile(rule: AllowedOrigin): Rule {
  if (typeof rule === 'function') return (origin) => rule(origin)
  if (rule instanceof RegExp) return stateless(rule)
  if (rule === SAME_ORIGIN) return isSameOrigin
  const wanted = parse(rule)
  // 'null', say, or a scheme of somebody's own: the very text.
  if (wanted === null) return (origin) => origin.toLowerCase() === rule.toLowerCase()
  const isHost = hostRule(wanted.host)
  return (origin) => {
    const given = parse(origin)
    if (given === null || given.scheme !== wanted.scheme || !isHost(given.host)) return false
    return wanted.port === '*' || given.port === wanted.port
  }
}

/** Host and port must be those of `Host`. A proxy may have taken the TLS off, so the scheme is taken from the origin. */
function isSameOrigin(origin: string, host: string): boolean {
  const given = parse(origin)
  if (given === null || !Object.hasOwn(DEFAULT_PORTS, given.scheme)) return false
  const own = parse(`${given.scheme}://${host}`)
  return own !== null && own.host === given.host && own.port === given.port
}

/** A global or sticky expression remembers where its last match ended. */
function stateless(rule: RegExp): Rule {
  const copy = new RegExp(rule)
  return (origin) => {
    copy.lastIndex = 0
    return copy.test(origin)
  }
}

function hostRule(wanted: string): (host: string) => boolean {
  if (!wanted.includes('*')) return (host) => host === wanted
  const pattern = new RegExp(`^${wanted.split('*').map(escaped).join(WITHIN_LABEL)}$`)
  return (host) => pattern.test(host)
}

function parse(origin: string): Origin | null {
  const match = ORIGIN.exec(origin.toLowerCase())
  if (match === null) return null
  const [, scheme = '', host = '', port = DEFAULT_PORTS[scheme] ?? ''] = match
  if (host.length > MAX_HOST_LENGTH) return null
  return { scheme, host, port }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
