import { ShardwsError } from './errors.ts'

/**
 * What is used of Standard Schema v1, the interface by which Zod, Valibot, ArkType and others can be asked in one way
 * (https://standardschema.dev).
 */
export interface MessageSchema {
  /** The interface of Standard Schema v1. */
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult | PromiseLike<SchemaResult>
  }
}

/** What a schema says of a value. */
export interface SchemaResult {
  /** Absent: the value is as it should be. */
  readonly issues?: readonly SchemaIssue[] | undefined
}

/** What is wrong with one part of a value. */
export interface SchemaIssue {
  /** For people. */
  readonly message: string
  /** Keys from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

export function isMessageSchema(value: unknown): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const standard = (value as Partial<MessageSchema>)['~standard']
  return typeof standard === 'object' && standard?.version === 1 && typeof standard.validate === 'function'
}

/**
 * Why a message is not to be delivered, or null. The issues are the error's `cause`.
 *
 * @throws ShardwsError OPTION_INVALID for a schema that does not answer at once; what the schema throws.
 */
export function validateMessage(schema: MessageSchema, message: Buffer, isBinary: boolean): ShardwsError | null {
  // What is not looked at must not get through: a handler may parse bytes as readily as text.
  if (isBinary) return invalid('a binary message')
  let value: unknown
  try {
    value = JSON.parse(message.toString())
  } catch (cause) {
    return invalid('no JSON', cause)
  }
  const result = schema['~standard'].validate(value)
  if ('then' in result) {
    // Nobody awaits it, and its rejection must not end the process.
    Promise.resolve(result).catch(() => {})
    throw new ShardwsError(
      'OPTION_INVALID',
      'options.validate must be a schema that answers at once, not with a promise',
    )
  }
  const [issue] = result.issues ?? []
  return result.issues === undefined
    ? null
    : invalid(issue === undefined ? 'not valid' : describe(issue), result.issues)
}

function invalid(why: string, cause?: unknown): ShardwsError {
  return new ShardwsError('MESSAGE_INVALID', `the message does not match the schema: ${why}`, { cause })
}

function describe({ message, path = [] }: SchemaIssue): string {
  const keys = path.map((part) => String(typeof part === 'object' ? part.key : part))
  return keys.length === 0 ? message : `${keys.join('.')}: ${message}`
}
