import { bytes, count, milliseconds, percent, plural } from '../figures.ts'
import { formatRows } from '../help.ts'
import type { Output } from '../terminal.ts'
import { chart } from './chart.ts'
import type { Latencies } from './latencies.ts'
import type { Percentiles, Summary } from './summary.ts'

/** From here on the load may be what is measured. */
const BUSY = 0.9

/** What is printed for people. */
export function formatReport(summary: Summary, latencies: Latencies, out: Output): string {
  const { connections, messages, perSecond, errors, handshakeMs, latencyMs, rate } = summary
  const kinds = Object.entries(errors)
  const asked = rate === null ? '' : ` of ${count(rate)} asked for`
  const rows: [string, string][] = [
    ['throughput', `${count(perSecond.messages)} messages/s${asked}, ${bytes(perSecond.bytes)}/s each way`],
    ['messages', `${count(messages.sent)} sent, ${count(messages.verified)} came back and were compared`],
    ['latency', formatPercentiles(latencyMs)],
    ['handshakes', `${count(connections.opened)} of ${count(connections.asked)}  ${formatPercentiles(handshakeMs)}`],
  ]
  if (messages.overdue > 0) rows.push(['overdue', `${count(messages.overdue)} were due and not sent`])
  if (messages.unanswered > 0) rows.push(['unanswered', `${count(messages.unanswered)} got no echo`])
  const failures = kinds.length === 0 ? ['none'] : kinds.map(([kind, times]) => `${count(times)} × ${kind}`)
  const paint = (text: string): string => (kinds.length === 0 ? text : out.paint('red', text))
  for (const [index, text] of failures.entries()) rows.push([index === 0 ? 'errors' : '', paint(text)])
  return [
    out.paint('bold', titleOf(summary)),
    ...formatRows(rows),
    ...(latencies.count === 0 ? [] : ['', ...chart(latencies).map((line) => out.paint('cyan', line))]),
    '',
    ...notes(summary).map((line) => out.paint('dim', line)),
    '',
  ].join('\n')
}

function titleOf({ url, connections, inFlight, size, threads, elapsedMs, wasInterrupted }: Summary): string {
  const parts = [
    plural(connections.opened, 'connection'),
    `${count(inFlight)} in flight`,
    plural(size, 'byte'),
    plural(threads, 'thread'),
    `${(elapsedMs / 1000).toFixed(1)} s${wasInterrupted ? ', interrupted' : ''}`,
  ]
  return `${url}: ${parts.join(', ')}`
}

function notes({ loadUtilization, rate }: Summary): string[] {
  const lines = [
    `Measured from this machine: the load, which was busy for ${percent(loadUtilization)} of the time, and the way to the server are in every figure.`,
  ]
  if (loadUtilization >= BUSY) lines.push('The load itself may be the limit: try more --threads, or another machine.')
  if (rate !== null)
    lines.push('Latency counts from when a message was due, also if it had to wait for earlier echoes.')
  return lines
}

function formatPercentiles({ p50, p90, p99, p999, max }: Percentiles): string {
  const named = { p50, p90, p99, 'p99.9': p999, max }
  return Object.entries(named)
    .map(([name, value]) => `${name} ${milliseconds(value)}`)
    .join('  ')
}
