/** One line of Prometheus' text format. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Series by the name of their metric. Lines that are none are passed over. */
export type Exposition = ReadonlyMap<string, readonly Series[]>

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?[ \t]+(\S+)/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

export function parseExposition(text: string): Exposition {
  const metrics = new Map<string, Series[]>()
  for (const line of text.split('\n')) {
    const [, name, labels = '', value = ''] = LINE.exec(line) ?? []
    if (name === undefined) continue
    const series = { labels: parseLabels(labels), value: Number(value) }
    const known = metrics.get(name)
    if (known === undefined) metrics.set(name, [series])
    else known.push(series)
  }
  return metrics
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const [, name = '', value = ''] of text.matchAll(LABEL)) {
    labels[name] = value.replace(/\\(.)/g, (_escape, character: string) => (character === 'n' ? '\n' : character))
  }
  return labels
}
