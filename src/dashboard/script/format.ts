/** In the page: figures with their units, and text that strangers have chosen. */
export const FORMAT_SCRIPT = String.raw`
const NONE = '–'
const grouped = new Intl.NumberFormat('en')
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

function count(value) {
  return value < 100000 ? grouped.format(Math.round(value)) : compact.format(value)
}

// Below ten a figure of one second is mostly noise of when it was looked at: one decimal place tells more.
function rate(value) {
  return value > 0 && value < 9.95 ? String(Number(value.toFixed(1))) : count(value)
}

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return (unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)) + ' ' + units[unit]
}

function milliseconds(value) {
  if (value >= 999.5) return (value / 1000).toFixed(1) + ' s'
  return (value < 9.95 ? String(Number(value.toFixed(1))) : Math.round(value)) + ' ms'
}

function percent(value) {
  return Math.round(value * 100) + ' %'
}

function duration(value) {
  const seconds = Math.max(0, Math.round(value / 1000))
  if (seconds < 60) return seconds + ' s'
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return minutes + ' min' + (minutes < 10 && seconds % 60 > 0 ? ' ' + (seconds % 60) + ' s' : '')
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return hours + ' h ' + (minutes % 60) + ' min'
  return Math.floor(hours / 24) + ' d ' + (hours % 24) + ' h'
}

function ago(value) {
  return value < 1000 ? 'now' : duration(value) + ' ago'
}

// A name cannot turn the line around it or hide in it: what has no shape is spelled out.
function visible(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => '\\u{' + character.codePointAt(0).toString(16) + '}')
}

function plural(value, one) {
  return count(value) + ' ' + one + (Math.round(value) === 1 ? '' : 's')
}
`
