const KIBI = 1024
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** 1,234,567 */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** 1 shard, 2 shards. */
export function plural(amount: number, what: string): string {
  return `${count(amount)} ${what}${amount === 1 ? '' : 's'}`
}

/** Such as 12.3 MiB. */
export function bytes(value: number): string {
  let unit = 0
  let amount = value
  while (amount >= KIBI && unit < BYTE_UNITS.length - 1) {
    amount /= KIBI
    unit += 1
  }
  return `${amount.toFixed(unit === 0 ? 0 : 1)} ${BYTE_UNITS[unit]}`
}

/** Three figures: 0.123 ms, 12.3 ms, 1.23 s. */
export function milliseconds(value: number): string {
  if (value >= 1000) return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`
  if (value >= 100) return `${value.toFixed(0)} ms`
  if (value >= 10) return `${value.toFixed(1)} ms`
  return `${value.toFixed(value >= 1 ? 2 : 3)} ms`
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
