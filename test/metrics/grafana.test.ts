/** The files in docs/monitoring have the form that Grafana and Prometheus demand. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { z } from 'zod'
import { parseQuery } from '../fixtures/promql.ts'
import { REPOSITORY } from '../fixtures/repository.ts'
import { parseYaml } from '../fixtures/yaml.ts'

const read = (name: string): string => readFileSync(new URL(`docs/monitoring/${name}`, REPOSITORY), 'utf8')

const DATASOURCE = z.strictObject({ type: z.literal('prometheus'), uid: z.string().regex(/^\$\{datasource\}$/) })
const GRID = z
  .strictObject({
    h: z.int().min(1),
    w: z.int().min(1).max(24),
    x: z.int().min(0).max(23),
    y: z.int().min(0),
  })
  .refine(({ x, w }) => x + w <= 24, 'wider than the page')
const TARGET = z.strictObject({
  datasource: DATASOURCE,
  expr: z.string().min(1),
  legendFormat: z.string(),
  refId: z.string().regex(/^[A-Z]$/),
  range: z.literal(true),
})
const THRESHOLDS = z.strictObject({
  mode: z.enum(['absolute', 'percentage']),
  steps: z
    .array(z.strictObject({ color: z.string(), value: z.number().nullable() }))
    .refine(([first]) => first?.value === null, 'the first step is the base')
    .refine((steps) => steps.slice(2).every(({ value }, index) => Number(value) > Number(steps[index + 1]?.value))),
})
const FIELD_DEFAULTS = {
  unit: z.enum(['short', 'ops', 'bytes', 'Bps', 'percentunit', 's']),
  min: z.number().optional(),
  max: z.number().optional(),
  thresholds: THRESHOLDS.optional(),
}
const PANEL = {
  id: z.int().min(1),
  title: z.string().min(1),
  description: z.string().min(1).optional(),
  datasource: DATASOURCE,
  gridPos: GRID,
  targets: z.array(TARGET).min(1),
}

const STAT = z.strictObject({
  ...PANEL,
  type: z.literal('stat'),
  fieldConfig: z.strictObject({ defaults: z.strictObject(FIELD_DEFAULTS), overrides: z.tuple([]) }),
  options: z.strictObject({
    reduceOptions: z.strictObject({ calcs: z.array(z.string()), fields: z.string(), values: z.boolean() }),
    colorMode: z.enum(['value', 'background', 'background_solid', 'none']),
    graphMode: z.enum(['none', 'line', 'area']),
    textMode: z.enum(['auto', 'value', 'value_and_name', 'name', 'none']),
    justifyMode: z.enum(['auto', 'center']),
    orientation: z.enum(['auto', 'vertical', 'horizontal']),
  }),
})

const TIMESERIES = z.strictObject({
  ...PANEL,
  type: z.literal('timeseries'),
  fieldConfig: z.strictObject({
    defaults: z.strictObject({
      ...FIELD_DEFAULTS,
      custom: z.strictObject({
        lineWidth: z.int().min(0).max(10),
        fillOpacity: z.number().min(0).max(100),
        showPoints: z.enum(['auto', 'never', 'always']),
        stacking: z.strictObject({ mode: z.enum(['none', 'normal', 'percent']), group: z.string() }).optional(),
      }),
    }),
    overrides: z.tuple([]),
  }),
  options: z.strictObject({
    legend: z.strictObject({
      calcs: z.array(z.string()),
      displayMode: z.enum(['list', 'table', 'hidden']),
      placement: z.enum(['bottom', 'right']),
      showLegend: z.boolean(),
    }),
    tooltip: z.strictObject({ mode: z.enum(['single', 'multi', 'none']), sort: z.enum(['none', 'asc', 'desc']) }),
  }),
})

const ROW = z.strictObject({
  id: z.int().min(1),
  type: z.literal('row'),
  title: z.string().min(1),
  collapsed: z.literal(false),
  gridPos: GRID.refine(({ h, w, x }) => h === 1 && w === 24 && x === 0),
  panels: z.tuple([]),
})

const VARIABLE = {
  name: z.string().regex(/^\w+$/),
  label: z.string(),
  hide: z.union([z.literal(0), z.literal(1), z.literal(2)]),
  options: z.tuple([]),
  regex: z.string(),
}

const VARIABLES = z.discriminatedUnion('type', [
  z.strictObject({
    ...VARIABLE,
    type: z.literal('datasource'),
    query: z.literal('prometheus'),
    current: z.object({}),
    refresh: z.literal(1),
    includeAll: z.boolean(),
    multi: z.boolean(),
  }),
  z.strictObject({
    ...VARIABLE,
    type: z.literal('query'),
    datasource: DATASOURCE,
    query: z.strictObject({ query: z.string(), refId: z.string() }),
    definition: z.string(),
    refresh: z.union([z.literal(1), z.literal(2)]),
    includeAll: z.literal(true),
    multi: z.literal(true),
    allValue: z.literal('.*'),
    current: z.strictObject({ selected: z.boolean(), text: z.literal('All'), value: z.literal('$__all') }),
    sort: z.int().min(0).max(8),
  }),
])

const DASHBOARD = z.strictObject({
  title: z.string().min(1),
  uid: z.string().regex(/^[\w-]{1,40}$/),
  tags: z.array(z.string()),
  schemaVersion: z.int().min(36),
  version: z.int(),
  editable: z.boolean(),
  graphTooltip: z.union([z.literal(0), z.literal(1), z.literal(2)]),
  refresh: z.string().regex(/^\d+[smh]$/),
  time: z.strictObject({ from: z.string().regex(/^now-\d+[smhd]$/), to: z.literal('now') }),
  timezone: z.enum(['browser', 'utc', '']),
  annotations: z.strictObject({ list: z.tuple([]) }),
  links: z.tuple([]),
  templating: z.strictObject({ list: z.array(VARIABLES) }),
  panels: z.array(z.discriminatedUnion('type', [ROW, STAT, TIMESERIES])),
})

const RULES = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^[A-Z]\w+$/),
          expr: z.string(),
          for: z
            .string()
            .regex(/^\d+[smh]$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
          annotations: z.strictObject({ summary: z.string(), description: z.string() }),
        }),
      ),
    }),
  ),
})

t.test('the dashboard has the form of schema version 39, and nothing that Grafana does not know', async (t) => {
  const { panels, templating } = DASHBOARD.parse(JSON.parse(read('grafana-dashboard.json')))
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length, 'ids')
  const [datasource, ...others] = templating.list
  t.equal(datasource?.type, 'datasource', 'before the variables that ask it')
  const variables = new Set(['__rate_interval', ...templating.list.map(({ name }) => name)])
  const used = (text: string): string[] => [...text.matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name)
  for (const variable of others) {
    if (variable.type === 'query') t.equal(variable.definition, variable.query.query, variable.name)
  }
  for (const [index, panel] of panels.entries()) {
    // Those of a row stand below it and above the next one.
    t.ok(panel.gridPos.y >= (panels[index - 1]?.gridPos.y ?? 0), panel.title)
    if (panel.type === 'row') continue
    t.equal(new Set(panel.targets.map(({ refId }) => refId)).size, panel.targets.length, panel.title)
    for (const { expr, legendFormat } of panel.targets) {
      for (const name of used(expr)) t.ok(variables.has(name), `${panel.title}: $${name}`)
      const { type, labels } = parseQuery(expr)
      t.equal(type, 'vector', expr)
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        t.ok(labels?.includes(label), `${panel.title}: its legend shows ${label}`)
      }
      if (panel.targets.length > 1) t.not(legendFormat, '', `${panel.title}: which line is which`)
    }
  }
})

t.test('mistakes in the form are found', async (t) => {
  const dashboard = JSON.parse(read('grafana-dashboard.json'))
  const [row, stat] = dashboard.panels
  for (const broken of [
    { ...dashboard, panels: [{ ...stat, type: 'singlestat' }] },
    { ...dashboard, panels: [{ ...stat, gridPos: { ...stat.gridPos, x: 22 } }] },
    { ...dashboard, panels: [{ ...stat, targets: [] }] },
    { ...dashboard, panels: [{ ...row, colapsed: false }] },
    { ...dashboard, templating: {} },
  ]) {
    t.notOk(DASHBOARD.safeParse(broken).success)
  }
})

t.test('the alerts have the form of a rule file, and conditions that are no numbers', async (t) => {
  const documents = parseYaml(read('prometheus-alerts.yml'))
  t.equal(documents.length, 1)
  const rules = RULES.parse(documents[0]).groups.flatMap((group) => group.rules)
  t.ok(rules.length >= 10)
  for (const { alert, expr, annotations } of rules) {
    t.equal(parseQuery(expr).type, 'vector', alert)
    t.match(expr, /[<>]|==/, `${alert} is not always true`)
    for (const text of Object.values(annotations)) t.notMatch(text.replaceAll(/\{\{ .*? \}\}/g, ''), /[{}]/, alert)
  }
})

t.test('queries that Prometheus would refuse', async (t) => {
  for (const [query, problem] of [
    ['sum(rate(a_total[5m])', /instead of 'the end'/],
    ['sum(rate(a_total[5m])))', /the end instead of '\)'/],
    ['rate(a_total)', /needs a range/],
    ['sum(a_total[5m])', /needs a vector/],
    ['a_total[5m]', /a range needs a function/],
    ['a_total[5m] > 1', /a range beside >/],
    ['rate(a_total[5 minutes])', /no token/],
    ['a{b=c}', /a string instead of 'c'/],
    ['a{b}', /instead of '}'/],
    ['a{"b"="c"}', /a name/],
    ['a ++ b', /an operand/],
    ['a b', /the end instead of 'b'/],
    ['sum by instance (a)', /\( instead of 'instance'/],
    ['a or 0', /or is for vectors/],
    ['rat(a_total[5m])', /a function instead of 'rat'/],
    ['', /more instead of/],
  ] as const) {
    t.throws(() => parseQuery(query), { message: problem }, query)
  }
  t.same(parseQuery('sum by (a, b) (rate(x_total{c=~"d|e"}[$__rate_interval])) / 2 > 0.5 or vector(0)'), {
    type: 'vector',
    labels: ['a', 'b'],
    metrics: ['x_total'],
  })
})
