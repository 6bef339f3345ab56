import { usageError } from '../command-error.ts'
import { flag, integer, seconds, type ValuesOf } from '../command-options.ts'
import { OPENING_OPTIONS, openingOf } from '../opening-options.ts'
import type { LoadPlan } from './load-plan.ts'

const USUAL_MS = 10_000
const USUAL_PACED_IN_FLIGHT = 100
/** Of all connections together. */
const MOST_IN_FLIGHT = 1_000_000
const MOST_BYTES_IN_FLIGHT = 1024 * 1024 * 1024

const range = (least: number, most: number) => ({ least, most })

export const BENCH_OPTIONS = {
  connections: integer(50, range(1, 50_000), 'number', 'connections'),
  seconds: seconds(undefined, range(0.1, 3600), 'how long; 10 unless --messages is given'),
  messages: integer(undefined, range(1, 1_000_000_000), 'number', 'end after that many echoes'),
  size: integer(64, range(1, 16 * 1024 * 1024), 'bytes', 'payload of one message'),
  'in-flight': integer(
    undefined,
    range(1, 10_000),
    'number',
    'messages of one connection that await their echo; 1, with --rate 100',
  ),
  rate: integer(
    undefined,
    range(1, 10_000_000),
    'number',
    'messages a second of all connections together; else as many as come back',
  ),
  threads: integer(1, range(1, 64), 'number', 'threads that make the load'),
  text: flag('text messages; else binary ones'),
  skip: integer(0, range(0, 1000), 'number', 'messages at the beginning of each connection that are no echoes'),
  ...OPENING_OPTIONS,
  patience: seconds(10_000, range(0.1, 600), 'without any echo before it gives up'),
  json: flag('print one JSON object instead'),
}

export type BenchOptions = ValuesOf<typeof BENCH_OPTIONS>

/** @throws CommandError */
export function planLoad(options: BenchOptions, operands: readonly string[]): LoadPlan {
  const { connections, size, messages = null, rate = null } = options
  const { url, ...opening } = openingOf(operands, options)
  const inFlight = options['in-flight'] ?? (rate === null ? 1 : USUAL_PACED_IN_FLIGHT)
  const underWay = connections * inFlight
  if (underWay > MOST_IN_FLIGHT || underWay * size > MOST_BYTES_IN_FLIGHT) {
    throw usageError(
      `--connections times --in-flight must be at most ${MOST_IN_FLIGHT}, and times --size 1 GiB; make one of them smaller`,
    )
  }
  return {
    opening: { ...opening, url: url.href },
    connections,
    messages,
    durationMs: options.seconds ?? (messages === null ? USUAL_MS : null),
    size,
    inFlight,
    rate,
    isText: options.text,
    skip: options.skip,
    patienceMs: options.patience,
  }
}
