import type { AllowedOrigin } from './options.ts'

/** `*` in a pattern stands for this: within one label of the host, or the port. */
const WITHIN_LABEL = '[^./:@]*'

/** Compiles `allowOrigins` into one predicate. An empty list, or one with '*', allows every origin. */
export function compileOrigins(allowed: readonly AllowedOrigin[]): (origin: string) => boolean {
  if (allowed.length === 0 || allowed.includes('*')) return () => true
  const rules = allowed.map(compile)
  return (origin) => rules.some((isAllowed) => isAllowed(origin))
}

function compile(rule: AllowedOrigin): (origin: string) => boolean {
  if (typeof rule === 'function') return rule
  if (rule instanceof RegExp) {
    // A global or sticky expression would remember where its last match ended.
    const stateless = new RegExp(rule.source, rule.flags.replace(/[gy]/g, ''))
    return (origin) => stateless.test(origin)
  }
  if (!rule.includes('*')) {
    const wanted = normalized(rule)
    return (origin) => normalized(origin) === wanted
  }
  const pattern = new RegExp(`^${rule.toLowerCase().split('*').map(escaped).join(WITHIN_LABEL)}$`)
  return (origin) => pattern.test(normalized(origin))
}

/** Scheme, host and port as browsers serialize them (RFC 6454 §6.2): lower case, no default port, no trailing slash. */
function normalized(origin: string): string {
  const lower = origin.toLowerCase()
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@:\s]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?\/?$/.exec(lower)
  if (match === null) return lower
  const [, scheme, host, port] = match
  const isDefaultPort =
    port === undefined || (scheme === 'http' && port === '80') || (scheme === 'https' && port === '443')
  return `${scheme}://${host}${isDefaultPort ? '' : `:${port}`}`
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
