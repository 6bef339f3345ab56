const UNITS = ['Bytes', 'KB', 'MB', 'GB', 'TB'] as const

/** A size for people: '0 Bytes', '1.50 KB'. From 1024 TB on it stays TB. */
export function formatBytes(bytes: number): string {
  if (!(bytes >= 1)) return '0 Bytes'
  const exponent = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1)
  return `${(bytes / 1024 ** exponent).toFixed(2)} ${UNITS[exponent]}`
}
