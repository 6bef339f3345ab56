/** The object that a message is in JSON, or null: it is no JSON, or no object. What its members are is still unknown. */
export function parseObject(message: string | Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(message.toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}

/** The trimmed text, or null: it is no text, empty or too long. */
export function textWithin(value: unknown, maxLength: number): string | null {
  if (typeof value !== 'string') return null
  const text = value.trim()
  return text.length > 0 && text.length <= maxLength ? text : null
}
