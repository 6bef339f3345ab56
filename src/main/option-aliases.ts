import { ShardwsError } from '../shared/errors.ts'
import type { WebSocketServerOptions } from './options.ts'

/** Other names for an option, and how their unit becomes ours. */
const ALIASES = {
  maxPayloadLength: { name: 'maxPayload', factor: 1 },
  idleTimeout: { name: 'idleTimeoutMs', factor: 1000 },
} as const

/** The options by our names only. @throws ShardwsError OPTION_INVALID when one is given under both. */
export function withoutAliases(options: WebSocketServerOptions): WebSocketServerOptions {
  const canonical = { ...options }
  for (const [alias, { name, factor }] of Object.entries(ALIASES) as [
    keyof typeof ALIASES,
    (typeof ALIASES)[keyof typeof ALIASES],
  ][]) {
    const value = canonical[alias]
    if (value === undefined) continue
    if (canonical[name] !== undefined) {
      throw new ShardwsError('OPTION_INVALID', `options.${alias} is another name of options.${name}; give only one`)
    }
    canonical[name] = value * factor
  }
  return canonical
}
