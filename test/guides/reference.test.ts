/** docs/reference: compared with the tables and checks that the code goes by. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { OPTION_NAMES, resolveOptions } from '../../src/main/resolve-options.ts'
import { planShutdown } from '../../src/main/shutdown-options.ts'
import { ERRORS, type ErrorCode, type ShardwsError } from '../../src/shared/errors.ts'
import { numericMembers } from '../fixtures/numeric-options.ts'
import { REPOSITORY } from '../fixtures/repository.ts'
import { tableRows } from '../fixtures/table-rows.ts'

const read = (name: string): string => readFileSync(new URL(`docs/reference/${name}`, REPOSITORY), 'utf8')

t.test('errors.md: every code once, with what the peer gets and which limit it is', async (t) => {
  const rows = tableRows(read('errors.md'), 6)
  t.same(rows.map(([code]) => code).sort(), Object.keys(ERRORS).sort())
  for (const [code, meaning, peer, limit] of rows as [ErrorCode, string, string, string][]) {
    const { message, closeCode, status, option } = ERRORS[code]
    t.equal(meaning, message, code)
    // What neither closes with a code nor has a status may end a connection all the same.
    if (code === 'MEMORY_SHORT') t.equal(peer, 'HTTP 503, or nothing from 98 % on')
    else if (closeCode !== undefined) t.equal(peer, `close ${closeCode}`, code)
    else if (status !== undefined) t.equal(peer, `HTTP ${status}`, code)
    else t.notMatch(peer, /\d/, code)
    t.equal(limit, option ?? '–', code)
  }
})

/** What each option that is an object needs besides the one in question. */
const REQUIRED: Readonly<Record<string, object>> = {
  autoRebalance: {},
  rateLimit: { messages: 10 },
  connectionRate: { perIp: 10 },
  compression: {},
  auth: {},
  outbox: {},
  sessions: {},
  compute: { filename: new URL(import.meta.url) },
}

/** The names within options that are objects, as far as they are numbers; those of `shutdown` are an option's too. */
const INNER = numericMembers('src/main/options.ts', 'WebSocketServerOptions').map(
  ([name, inner]) => `${name === 'handleSignals' ? 'shutdown' : name}.${inner}`,
)

function complaint(resolve: () => unknown): string {
  try {
    resolve()
    return ''
  } catch (error) {
    return (error as ShardwsError).message
  }
}

/** The range of a number, as the code has it; null: it takes no number. */
function rangeOf(path: string): readonly [number, number] | null {
  const [name = '', inner] = path.split('.')
  const value = Symbol('no value') as never
  const text =
    name === 'shutdown'
      ? complaint(() => planShutdown({ [inner as string]: value }))
      : complaint(() => resolveOptions({ [name]: inner === undefined ? value : { ...REQUIRED[name], [inner]: value } }))
  const [, least, most] = /must be an? (?:integer|number) from (\d+) to (\d+)/.exec(text) ?? []
  return least === undefined ? null : [Number(least), Number(most)]
}

const UNITS: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** `16 MiB`, `2^31 - 1`, `100`. */
function numberOf(text: string): number {
  const [, number, unit] = /^(\d+) (\w+)$/.exec(text) ?? []
  if (unit !== undefined) return Number(number) * (UNITS[unit] ?? Number.NaN)
  const [, exponent] = /^2\^(\d+) - 1$/.exec(text) ?? []
  return exponent === undefined ? Number(text) : 2 ** Number(exponent) - 1
}

const limits = tableRows(read('limits.md'), 4) as [string, string, string, string][]

t.test('limits.md: every option that is a number once, with its range', async (t) => {
  const withoutRange = INNER.filter((path) => rangeOf(path) === null)
  t.same(withoutRange, ['shutdown.code'], 'what is typed as a number says its range, if it has one')
  const numbers = [...OPTION_NAMES, ...INNER].filter((path) => rangeOf(path) !== null)
  t.same(limits.map(([path]) => path).sort(), numbers.sort())
  for (const [path, , range] of limits) {
    const [least, most] = range.split(/,/)[0]!.split(' to ')
    t.same([numberOf(least ?? ''), numberOf(most ?? '')], rangeOf(path), path)
  }
})

t.test('limits.md: defaults that are numbers', async (t) => {
  const { autoRebalance, rateLimit, connectionRate, compression, auth, outbox, sessions, compute } = REQUIRED
  const given = { autoRebalance, rateLimit, connectionRate, compression, auth, outbox, sessions, compute }
  const resolved = resolveOptions(given as unknown as Parameters<typeof resolveOptions>[0])
  const { shard, guards, users, deflatePolicy } = resolved
  const flat: Record<string, unknown> = { ...resolved, ...shard, ...guards, ...users }
  const nested: Record<string, Record<string, unknown>> = {
    autoRebalance: { ...resolved.autoRebalance },
    rateLimit: { ...shard.rateLimit },
    connectionRate: { ...guards.connectionRate },
    compression: { ...deflatePolicy, ...shard.compression },
    auth: { timeoutMs: shard.authTimeoutMs },
    outbox: { ...users.outbox },
    sessions: { ...resolved.sessions },
    compute: { ...resolved.compute },
    shutdown: { ...planShutdown({}) },
  }
  let compared = 0
  for (const [path, text] of limits) {
    const value = numberOf(text.split(',')[0]!)
    if (Number.isNaN(value)) continue
    const [name = '', inner] = path.split('.')
    t.equal(value, inner === undefined ? flat[name] : nested[name]?.[inner], path)
    compared++
  }
  t.ok(compared > 50, `${compared} compared`)
})

t.test('options.md has a row for every option', async (t) => {
  const listed = [...read('options.md').matchAll(/^\| (.+?) \|/gm)].flatMap(
    ([, names]) => names!.match(/(?<=`)\w+(?=`)/g) ?? [],
  )
  // Other names that the text below the table mentions.
  const aliases = ['maxPayloadLength', 'idleTimeout']
  t.same(
    [...new Set(listed)].filter((name) => OPTION_NAMES.includes(name as never)).sort(),
    OPTION_NAMES.filter((name) => !aliases.includes(name)).sort(),
  )
})
