import { PEERS, REFERENCE } from '../peers.ts'
import { WORKS } from '../works.ts'
import type { Report } from './report.ts'
import type { Row } from './summary.ts'
import { TABLES } from './tables.ts'

/** Pixels. */
const WIDTH = 860
const LABEL = 290
const BAR = 13
const GAP = 3
const WORK_GAP = 16
const TOP = 98
/** Ratios above it are cut, their number says how large they are. */
const MAX_RATIO = 1.5
const PLOT = WIDTH - LABEL - 60

/** In the order of the peers, without the reference: hues that stand apart on light and on dark ground. */
const COLOURS = ['#8b949e', '#d9822b', '#b0803f', '#4f9cf0', '#7a86d8', '#2da44e', '#79c48f'] as const

/** A picture of the ratios to the reference: one group of bars per work, shorter is better. */
export function chart({ rows, environment }: Report): string {
  const servers = [...new Set(rows.map(({ server }) => server))].filter((server) => server !== REFERENCE)
  const colourOf = (server: string): string => COLOURS[servers.indexOf(server) % COLOURS.length] ?? ''
  const parts: string[] = [legend(servers, colourOf)]
  let y = TOP
  for (const title of new Set(rows.map((row) => row.title))) {
    const bars = rows.filter((row) => row.title === title && row.server !== REFERENCE && row.ratio !== null)
    if (bars.length === 0) continue
    const height = bars.length * (BAR + GAP)
    parts.push(text(LABEL - 12, y + height / 2 - 4, title, 'end'))
    parts.push(text(LABEL - 12, y + height / 2 + 11, referenceAmount(rows, title), 'end', 'small'))
    for (const [index, row] of bars.entries()) parts.push(bar(y + index * (BAR + GAP), row, colourOf(row.server)))
    y += height + WORK_GAP
  }
  const { date, cpu, cores, versions } = environment
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const footer = `${date.slice(0, 10)} · ${names.join(' · ')} · ${cpu}, ${cores} cores`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 24}" width="${WIDTH}" height="${y + 24}" role="img">`,
    `<title>Ratios to ${escapeXml(REFERENCE)}: shorter is better</title>`,
    // No background: the page behind it decides, and the text follows the reader's colour scheme as the page does.
    '<style>text{font:12px system-ui,sans-serif;fill:#1f2328}.small{font-size:11px;fill:#59636e}.title{font-size:15px;font-weight:600}line{stroke:#59636e}' +
      '@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}line{stroke:#9198a1}}</style>',
    text(12, 22, `Cost as a part of ${REFERENCE}'s, shorter is better`, 'start', 'title'),
    ...parts,
    referenceLine(y - WORK_GAP),
    text(12, y + 12, footer, 'start', 'small'),
    '</svg>\n',
  ].join('\n')
}

function bar(y: number, { server, ratio }: Row, colour: string): string {
  const value = ratio ?? 0
  const width = Math.max(1, (Math.min(value, MAX_RATIO) / MAX_RATIO) * PLOT)
  return (
    `<rect class="bar" x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2" fill="${colour}">` +
    `<title>${escapeXml(server)}: ${value.toFixed(3)}</title></rect>` +
    text(LABEL + width + 5, y + BAR - 3, value.toFixed(2), 'start', 'small')
  )
}

/** Where the reference itself would end. */
function referenceLine(bottom: number): string {
  const x = LABEL + PLOT / MAX_RATIO
  return (
    `<line x1="${x}" x2="${x}" y1="${TOP - 8}" y2="${bottom}" stroke-dasharray="3 3"/>` +
    text(x, TOP - 12, `${REFERENCE} = 1`, 'middle', 'small')
  )
}

/** Such as `ws 8.29 µs`. */
function referenceAmount(rows: readonly Row[], title: string): string {
  const row = rows.find((row) => row.title === title && row.server === REFERENCE)
  const load = WORKS.find((work) => work.title === title)?.load
  const value = row?.[row.metric] ?? null
  if (value === null || load === undefined) return ''
  return `${REFERENCE} ${TABLES[load].amount(value)} ${TABLES[load].unit}`
}

function legend(servers: readonly string[], colourOf: (server: string) => string): string {
  let x = 12
  let y = 34
  const entries = servers.map((server) => {
    const label = PEERS.find((peer) => peer.name === server)?.label ?? server
    // Seven pixels for a character of this font, and the square with its space.
    const width = label.length * 7 + 28
    if (x + width > WIDTH) [x, y] = [12, y + 18]
    const entry = `<rect x="${x}" y="${y}" width="11" height="11" rx="2" fill="${colourOf(server)}"/>${text(x + 16, y + 10, label)}`
    x += width
    return entry
  })
  return entries.join('\n')
}

function text(x: number, y: number, content: string, anchor = 'start', style = ''): string {
  const attributes = `x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"${style && ` class="${style}"`}`
  return `<text ${attributes}>${escapeXml(content)}</text>`
}

function escapeXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
