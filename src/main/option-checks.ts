import { ShardwsError } from '../shared/errors.ts'
import type { Logger } from './logger.ts'
import { nearestName } from './nearest-name.ts'

/** Returns what the value must be if it is not that. */
export type Check = (value: unknown) => string | null

/**
 * `path` is how the caller writes the object: 'options' or 'options.compression'.
 *
 * @throws ShardwsError OPTION_UNKNOWN, and `invalid`
 */
export function checkOptions(
  path: string,
  checks: Readonly<Record<string, Check>>,
  options: object,
  invalid: 'OPTION_INVALID' | 'ARGUMENT_INVALID' = 'OPTION_INVALID',
): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ShardwsError(invalid, `${path} must be an object, got ${describe(options)}`)
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (check === undefined) {
      const nearest = nearestName(name, Object.keys(checks))
      throw new ShardwsError('OPTION_UNKNOWN', `${path}.${name} is unknown; did you mean ${path}.${nearest}?`)
    }
    const expected = value === undefined ? null : check(value)
    if (expected !== null) {
      throw new ShardwsError(invalid, `${path}.${name} must be ${expected}, got ${describe(value)}`)
    }
  }
}

export function integer(least: number, most: number): Check {
  return (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? null
      : `an integer from ${least} to ${most}`
}

export function oneOf(...values: (string | boolean)[]): Check {
  return (value) =>
    values.includes(value as string) ? null : `one of ${values.map((each) => JSON.stringify(each)).join(', ')}`
}

export function listOf(isMember: (value: unknown) => boolean, expected: string): Check {
  return (value) => (Array.isArray(value) && value.every(isMember) ? null : expected)
}

export function isObject(expected: string): Check {
  return (value) => (typeof value === 'object' && value !== null ? null : expected)
}

export function isFunction(value: unknown): string | null {
  return typeof value === 'function' ? null : 'a function'
}

export function isBoolean(value: unknown): string | null {
  return typeof value === 'boolean' ? null : 'true or false'
}

export function isString(value: unknown): boolean {
  return typeof value === 'string'
}

export function isLogger(value: unknown): string | null {
  const logger = value as Partial<Logger> | null
  const isComplete =
    typeof logger === 'object' &&
    logger !== null &&
    [logger.error, logger.warn, logger.info, logger.debug].every((each) => typeof each === 'function')
  return isComplete ? null : 'an object with the functions error, warn, info and debug'
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
