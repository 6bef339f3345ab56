/** The dashboard and the alerts in docs/monitoring ask for what the server really tells. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { metricsHandler } from '../../src/metrics/handlers.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { REPOSITORY } from '../fixtures/repository.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
}

interface Figure {
  readonly type: string
  readonly labels: ReadonlySet<string>
}

const read = (name: string): string => readFileSync(new URL(`docs/monitoring/${name}`, REPOSITORY), 'utf8')
const dashboard = JSON.parse(read('grafana-dashboard.json'))
const panels: readonly Panel[] = dashboard.panels
const ruleFile = read('prometheus-alerts.yml')

/** Prometheus adds these, and several servers of one process have the third. */
const ADDED = ['job', 'instance', 'server']
/** Of PromQL. */
const WORDS = new Set(['sum', 'max', 'count', 'rate', 'increase', 'by', 'without', 'or', 'vector'])

/** What a query reads: each metric with the function around its range and the labels it selects by, and what it groups by. */
function parseQuery(query: string) {
  const plain = query.replaceAll(/"[^"]*"/g, '""')
  const selectors = [...plain.matchAll(/(\w*)\s*\(?\s*\b([a-z]+_\w+)(?:\{([^}]*)\})?(\[\w+\]|\[\$__rate_interval\])?/g)]
  const grouped = [...plain.matchAll(/\b(?:by|without) \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(', '))
  const rest = plain.replaceAll(/\{[^}]*\}|\[[^\]]*\]|\((?:[a-z_]+, )*[a-z_]+\)/g, ' ')
  const words = [...rest.matchAll(/\b[a-z]\w*/g)].map(([word]) => word).filter((word) => !word.includes('_'))
  return {
    grouped,
    words,
    metrics: selectors.map(([, before = '', name = '', matchers = '', range]) => ({
      name,
      isRated: range !== undefined && /^(rate|increase)$/.test(before),
      labels: [...matchers.matchAll(/(\w+)(?:=|!)/g)].map(([, label = '']) => label),
    })),
  }
}

/** What is wrong with a query, given what there is. */
function mistakesIn(query: string, figures: ReadonlyMap<string, Figure>): string[] {
  const { metrics, grouped, words } = parseQuery(query)
  const known = metrics.flatMap(({ name }) => [...(figures.get(name)?.labels ?? [])])
  const mistakes = metrics.flatMap(({ name, isRated, labels }) => {
    const figure = figures.get(name)
    if (figure === undefined) return [`no metric ${name}`]
    const wrong = labels.filter((label) => !figure.labels.has(label) && !ADDED.includes(label))
    if ((figure.type === 'counter') !== isRated) wrong.push(`${figure.type} with${isRated ? '' : 'out'} a rate`)
    return wrong.map((what) => `${name}: ${what}`)
  })
  if (metrics.length === 0) mistakes.push('no metric')
  mistakes.push(...grouped.filter((label) => !known.includes(label) && !ADDED.includes(label)))
  mistakes.push(...words.filter((word) => !WORDS.has(word)))
  return mistakes.map((mistake) => `${mistake} in ${query}`)
}

/** The metrics that the handler prints, and their labels. */
async function scraped(t: Test): Promise<Map<string, Figure>> {
  const engine = await EngineUnderTest.start(t, { shards: 1, maxUrlLength: 10 })
  // A limit is told of from the first time on that it is reached.
  await engine.statusOf({ path: '/longer-than-that' })
  const http = createServer(metricsHandler(engine.server))
  await once(http.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => http.close())
  const text = await (await fetch(`http://127.0.0.1:${(http.address() as AddressInfo).port}`)).text()
  const figures = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']): [string, Figure] => {
    const series = [...text.matchAll(new RegExp(`^${name}\\{([^}]*)\\}`, 'gm'))]
    const labels = series.flatMap(([, pairs = '']) => [...pairs.matchAll(/(\w+)="/g)].map(([, label = '']) => label))
    return [name, { type, labels: new Set(labels) }]
  })
  return new Map(figures)
}

const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

t.test('queries of the dashboard', async (t) => {
  const figures = await scraped(t)
  t.ok(figures.size > 40 && queries.length > 40)
  t.same(
    queries.flatMap((query) => mistakesIn(query, figures)),
    [],
  )
  for (const query of queries) t.match(query, 'job=~"$job", instance=~"$instance"')
  const shown = new Set(queries.flatMap((query) => parseQuery(query).metrics.map(({ name }) => name)))
  t.same(
    [...figures.keys()].filter((name) => !shown.has(name)),
    [],
    'everything that is told can be seen',
  )
  const names = dashboard.templating.list.map(({ name }: { name: string }) => name)
  t.same(names, ['datasource', 'job', 'instance'])
  for (const [broken, mistake] of [
    ['sum (rate(shardws_nothing_total[5m]))', /no metric shardws_nothing_total/],
    ['sum by (shard) (rate(shardws_dropped_total[5m]))', /^shard in/],
    ['sum (rate(shardws_dropped_total{kind="x"}[5m]))', /shardws_dropped_total: kind/],
    ['sum (shardws_dropped_total)', /counter without a rate/],
    ['rate(shardws_uptime_seconds[5m])', /gauge with a rate/],
    ['summe (shardws_uptime_seconds)', /^summe in/],
  ] as const) {
    t.match(mistakesIn(broken, figures), [mistake], broken)
  }
})

t.test('places of the dashboard: no two panels on the same one', async (t) => {
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  const taken = new Map<string, string>()
  for (const { gridPos, title } of panels) {
    t.ok(gridPos.x + gridPos.w <= 24, title)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        const place = `${x}/${y}`
        if (taken.has(place)) t.fail(`${title} is on ${taken.get(place)}`)
        taken.set(place, title)
      }
    }
  }
})

t.test('alerts: each asks for what there is, and says what to do', async (t) => {
  const figures = await scraped(t)
  const rules = ruleFile.split(/^ {6}- alert: /m).slice(1)
  t.ok(rules.length >= 10)
  const names = rules.map((rule) => rule.slice(0, rule.indexOf('\n')))
  t.equal(new Set(names).size, names.length)
  for (const rule of rules) {
    const query =
      /^ {8}expr: (?:>-\n)?((?:.|\n)*?)\n {8}(?:for|labels):/m.exec(rule)?.[1]?.replaceAll(/\s+/g, ' ') ?? ''
    t.same(mistakesIn(query.trim(), figures), [], rule.slice(0, rule.indexOf('\n')))
    t.match(rule, /^ {10}severity: (critical|warning)$/m)
    t.match(rule, /^ {10}summary: ".*\{\{ \$labels\.instance \}\}/m)
    t.match(rule, /^ {10}description: \w.+\.$/m)
  }
})
