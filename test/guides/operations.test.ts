/** docs/guides/operations.md: the lines, counters and codes that it explains are all there are, and exist. */
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { WebSocketServer } from '../../src/index.ts'
import { FAMILIES } from '../../src/metrics/families.ts'
import { ERRORS } from '../../src/shared/errors.ts'
import { Guide } from '../fixtures/guide.ts'
import { REPOSITORY } from '../fixtures/repository.ts'
import { tableRows } from '../fixtures/table-rows.ts'

const { text } = new Guide('operations')

/** From the heading to the next one of its level. */
const section = (title: string): string => text.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? ''

const sources = readdirSync(new URL('src/', REPOSITORY), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(new URL(`src/${path}`, REPOSITORY), 'utf8'))
  .join('\n')

/** The lines that the sources log: literals, with what is filled in left out. */
function loggedLines(): readonly string[] {
  const calls = [
    ...sources.matchAll(
      /ogger(?:\[[^\]]+\]|\.(?:error|warn|info|debug))\(\s*(?:\{.*?\}|[\w ?:=,]+|.*?\}),\s*(['"`])(.+?)\1,?\s*\)/gs,
    ),
    ...sources.matchAll(/#log\.write\(.*?,\s*(['"`])(.+?)\1,?\s*\)/gs),
  ]
  return calls.map(([, , line]) => line as string)
}

t.test('every line of the log is explained, and every line explained is logged', async (t) => {
  const explained = tableRows(section('Lines of the log'), 4).map(([line]) => line as string)
  const kinds = ['started', 'stalled', 'resumed', 'evacuated', 'exited', 'degraded'].map((kind) => `shard ${kind}`)
  for (const kind of kinds) t.ok(explained.includes(kind), kind)
  const skeleton = (line: string): string => line.replace(/\$\{.*?\}|<.*?>/g, '…')
  const logged = new Set(loggedLines().map(skeleton))
  for (const line of logged) {
    if (/^shard …$|^…, not logged one by one$/.test(line)) continue
    t.ok(explained.map(skeleton).includes(line), line)
  }
  for (const line of explained) {
    // As they stand in the sources: words that are filled in are looked for on either side.
    for (const part of skeleton(line)
      .replace(/^shard \w+$/, 'shard …')
      .replace(/^(limits reached|security events), /, '…, ')
      .split('…')) {
      t.ok(sources.includes(part), line)
    }
  }
  t.ok(logged.size > 12, `${logged.size} lines`)
})

t.test('every reason of dropped, and every code of a 503', async (t) => {
  const server = new WebSocketServer({ shards: 0 })
  t.teardown(() => server.shutdown())
  const symptoms = section('By symptom')
  for (const reason of Object.keys(server.stats().dropped)) t.match(symptoms, `| \`${reason}\` |`)
  for (const [code, { status }] of Object.entries(ERRORS)) if (status === 503) t.match(symptoms, `| \`${code}\` |`)
  for (const [, path = ''] of text.matchAll(/`stats\(\)\.([\w.]+)`/g)) {
    let value: unknown = server.stats()
    for (const name of path.split('.')) value = (value as Record<string, unknown>)[name]
    t.not(value, undefined, path)
  }
})

t.test('every close code of an error', async (t) => {
  const codes = tableRows(section('Close codes').replaceAll(/^\| (\d)/gm, '| `$1'), 4).map(([code]) => code)
  for (const { closeCode } of Object.values(ERRORS)) {
    if (closeCode !== undefined) t.ok(codes.includes(String(closeCode)), String(closeCode))
  }
})

t.test('the figures that it names are exposed', async (t) => {
  const names = text.match(/\b(?:shardws|websocket)_\w+_(?:total|active|seconds)/g) ?? []
  t.ok(names.length >= 3)
  for (const name of names)
    t.ok(
      FAMILIES.some((family) => family.name === name),
      name,
    )
})
