import { createHash } from 'node:crypto'
import type { DashboardAction, ResolvedDashboard } from './options.ts'
import { SCRIPT } from './script/script.ts'
import { STYLE } from './style.ts'

export interface DashboardPage {
  readonly html: string
  readonly headers: Readonly<Record<string, string>>
}

interface Series {
  readonly id: string
  readonly name: string
}

const CHARTS: readonly { readonly id: string; readonly title: string; readonly series: readonly Series[] }[] = [
  { id: 'connections', title: 'Connections', series: [{ id: 'open', name: 'open' }] },
  {
    id: 'messages',
    title: 'Messages a second',
    series: [
      { id: 'in', name: 'in' },
      { id: 'out', name: 'out' },
    ],
  },
  {
    id: 'bytes',
    title: 'On the wire, a second',
    series: [
      { id: 'in', name: 'in' },
      { id: 'out', name: 'out' },
    ],
  },
  {
    id: 'delay',
    title: 'Loop delay, at worst',
    series: [
      { id: 'main', name: 'main' },
      { id: 'shards', name: 'shards' },
    ],
  },
]

const LANE_COLUMNS = [
  'Connections',
  'Messages in',
  'Messages out',
  'Wire in',
  'Wire out',
  'Queued',
  'Busy',
  'Delay',
  'Heap',
  'Buffers',
]

/** Three threads. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><g fill="none" stroke-width="2.4" stroke-linecap="round"><path stroke="#b4621a" d="M2 3.5h12"/><path stroke="#1c7a6c" d="M2 8h12"/><path stroke="#5b52b5" d="M2 12.5h12"/></g></svg>`

/** One document with all that it needs; nothing in it comes from anywhere else, and nothing else may run in it. */
export function createPage({ title, actions }: ResolvedDashboard): DashboardPage {
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${digest(SCRIPT)}'`,
    `style-src 'sha256-${digest(STYLE)}'`,
    'img-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ]
  return {
    html: htmlOf(escapeHtml(title), actions),
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': policy.join('; ') },
  }
}

function htmlOf(title: string, actions: ReadonlySet<DashboardAction>): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title === '' ? 'shardws' : title}</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(ICON)}">
<style>${STYLE}</style>
</head>
<body data-link="connecting" data-title="${title === '' ? 'shardws' : title}">
<header class="bar">
<h1>shardws${title === '' ? '' : `<span>${title}</span>`}</h1>
<p id="health" class="dot" role="status">unknown</p>
<p id="link" role="status">connecting</p>
<button type="button" id="pause" aria-pressed="false">Pause</button>
</header>
<p id="notice" class="notice" role="status" hidden></p>
<noscript><p class="notice">This page needs JavaScript to follow the server.</p></noscript>
<main>
<section class="charts" aria-label="The last minutes">${CHARTS.map(chart).join('')}</section>
<section class="card panel lanes" aria-labelledby="lanes-title">
<header><h2 id="lanes-title">Threads <span id="lanes-count"></span></h2>${toolbar(actions)}</header>
<table role="table">
<caption class="hidden">The main thread and the shards: what each does now</caption>
<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">Thread</th><th scope="col" role="columnheader">Messages, last minutes</th>
${LANE_COLUMNS.map((name) => `<th scope="col" role="columnheader" class="num">${name}</th>`).join('')}</tr></thead>
<tbody id="lanes" role="rowgroup"></tbody>
</table>
</section>
<div class="columns">
${list('rooms', 'Rooms', 'Rooms, the largest first', ['Room', '#Members', '#Published', '#Last active'])}
<div class="column">
${list('queues', 'Slow connections', 'Connections with unsent bytes, the most first', ['Connection', 'Shard', 'From', '#Queued'])}
${list('losses', 'Refused, dropped, lost', 'What was refused, dropped or lost since the start', ['What', '#Last minute', '#Total'])}
</div>
</div>
<section class="card panel" aria-labelledby="facts-title">
<header><h2 id="facts-title">Since the start <span id="uptime"></span></h2></header>
<dl id="facts" class="facts"></dl>
</section>
</main>
<dialog id="confirm" aria-labelledby="confirm-title"><h2 id="confirm-title"></h2><p id="confirm-text"></p>
<div><button type="button" id="confirm-no">Cancel</button><button type="button" id="confirm-yes">Go on</button></div></dialog>
<script>${SCRIPT}</script>
</body>
</html>
`
}

function chart({ id, title, series }: (typeof CHARTS)[number]): string {
  const figures = series.map(
    (each, index) =>
      `<div><dt id="${id}-${each.id}-name"${series.length > 1 ? ` class="key${index > 0 ? ' second' : ''}"` : ''}>${each.name}</dt><dd id="${id}-${each.id}">–</dd></div>`,
  )
  const paths = `<path class="area"/>${series.map((_, index) => `<path class="${index > 0 ? 'second' : 'first'}"/>`).join('')}`
  return `
<figure class="card chart" id="chart-${id}"><figcaption>${title}</figcaption><dl>${figures.join('')}</dl>
<svg viewBox="0 0 300 72" preserveAspectRatio="none" role="img" aria-label="${title}: nothing yet">${paths}</svg>
<p class="axis" aria-hidden="true"><span class="from"></span><span class="most"></span></p></figure>`
}

function list(id: string, title: string, caption: string, columns: readonly string[]): string {
  const heads = columns.map((name) =>
    name.startsWith('#') ? `<th scope="col" class="num">${name.slice(1)}</th>` : `<th scope="col">${name}</th>`,
  )
  return `<section class="card panel" aria-labelledby="${id}-title">
<header><h2 id="${id}-title">${title} <span id="${id}-count"></span></h2></header>
<table id="${id}-table" hidden><caption class="hidden">${caption}</caption><thead><tr>${heads.join('')}</tr></thead><tbody id="${id}"></tbody></table>
<p id="${id}-empty" class="empty">Nothing heard yet.</p>
</section>`
}

function toolbar(actions: ReadonlySet<DashboardAction>): string {
  if (actions.size === 0) return ''
  const button = (action: DashboardAction, text: string, style = ''): string =>
    actions.has(action) ? `<button type="button" data-action="${action}"${style}>${text}</button>` : ''
  const count = `<label for="shards" class="hidden">Number of shards</label><input id="shards" type="number" min="1" inputmode="numeric" autocomplete="off">`
  return `<div class="tools" role="group" aria-label="Actions">${button('reload', 'Reload')}${actions.has('resize') ? count : ''}${button('resize', 'Resize')}${button('drain', 'Drain', ' class="danger"')}</div>
<p id="outcome" class="outcome" role="status"></p>`
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
