/** A JSON object that a client has sent; null for anything else. */
export function parseObject(message: string | Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(String(message))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

/** A text of 1 to `maxLength` characters; null for anything else. */
export function textOf(value: unknown, maxLength: number): string | null {
  return typeof value === 'string' && value.length > 0 && value.length <= maxLength ? value : null
}
