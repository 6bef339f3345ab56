import { escapeControls } from '../../main/log-text.ts'
import { bytes, count, milliseconds, percent, plural } from '../figures.ts'
import type { Output } from '../terminal.ts'
import { Change, type Rates } from './rates.ts'
import type { ServerReading, ShardReading } from './reading.ts'

const UNKNOWN = '–'
const HEADINGS = [
  'shard',
  'connections',
  'in/s',
  'out/s',
  'queued',
  'busy',
  'late',
  'heap',
  'buffers',
  'memory',
] as const
/** From here on something deserves a look. */
const BUSY = 0.9
const LATE_MS = 200
const PRESSED = 0.8

/** One server as lines of text: a head, a row for every shard, and what has gone wrong. */
export function formatServer(before: ServerReading | undefined, now: ServerReading, out: Output): string[] {
  const change = new Change(before, now)
  const rates = change.ofServer(now)
  const state = now.isReady ? out.paint('green', 'ready') : out.paint('red', 'not ready')
  const head = [
    state,
    `up ${duration(now.uptimeSeconds)}`,
    `${count(now.connections)} of ${plural(now.capacity, 'connection')}`,
    plural(now.rooms, 'room'),
    `${rate(rates?.in)} in/s`,
    `${rate(rates?.out)} out/s`,
    warn(out, now.mainDelayMs >= LATE_MS, `main ${milliseconds(now.mainDelayMs)} late`),
  ]
  const rows = [HEADINGS, ...now.shards.map((shard) => cells(shard, change.ofShard(shard)))]
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '))
  const troubles = Object.entries(now.troubles)
    .filter(([, times]) => times > 0)
    .map(([what, times]) => trouble(out, what, times, change.ofTrouble(what, times)))
  return [
    `${now.name === '' ? '' : `${out.paint('bold', escapeControls(now.name))}: `}${head.join('  ')}`,
    '',
    ...lines.map((line, index) => paintRow(out, line, now.shards[index - 1])),
    ...(troubles.length === 0 ? [] : ['', troubles.join('  ')]),
  ]
}

function cells(shard: ShardReading, rates: Rates | null): string[] {
  return [
    String(shard.shard),
    count(shard.connections),
    rate(rates?.in),
    rate(rates?.out),
    bytes(shard.queuedBytes),
    shard.utilization === undefined ? UNKNOWN : percent(shard.utilization),
    shard.delayMs === undefined ? UNKNOWN : milliseconds(shard.delayMs),
    bytes(shard.heapBytes),
    bytes(shard.externalBytes),
    percent(shard.memoryPressure),
  ]
}

/** @param shard Undefined for the headings. */
function paintRow(out: Output, line: string, shard: ShardReading | undefined): string {
  if (shard === undefined) return out.paint('dim', line)
  const { utilization = 0, delayMs = 0, memoryPressure } = shard
  return warn(out, utilization >= BUSY || delayMs >= LATE_MS || memoryPressure >= PRESSED, line)
}

function trouble(out: Output, what: string, times: number, since: number): string {
  const text = `${what} ${count(times)}${since === 0 ? '' : ` (+${count(since)})`}`
  return since === 0 ? out.paint('dim', text) : out.paint('red', text)
}

function warn(out: Output, isBad: boolean, text: string): string {
  return isBad ? out.paint('yellow', text) : text
}

function rate(perSecond: number | undefined): string {
  return perSecond === undefined ? UNKNOWN : count(perSecond)
}

/** The two largest units: 3 d 4 h, 5 h 12 min, 9 min 3 s, 12 s. */
function duration(seconds: number): string {
  const whole = Math.floor(seconds)
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ]
  if (days > 0) return `${days} d ${hours} h`
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`
}
