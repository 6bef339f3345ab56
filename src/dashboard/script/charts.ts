/** In the page: the charts of the last minutes and the threads of the lanes. */
export const CHARTS_SCRIPT = `
const WIDTH = 300
const HEIGHT = 72
const LINE = 2

// 1, 2 or 5 times a power of ten: the scale changes rarely. Bytes go by powers of 1024.
function niceMost(most, least, isBytes) {
  let base = 1
  if (isBytes) while (most >= base * 1024) base *= 1024
  const scaled = Math.max(most, least) / base
  const power = 10 ** Math.floor(Math.log10(scaled))
  return base * power * ([1, 2, 5].find((step) => scaled <= step * power) ?? 10)
}

// Where nobody looked, there is no line.
function drawLine(points, valueOf, most, height) {
  const { now, windowMs, gapMs } = time
  let line = ''
  let area = ''
  let from = null
  let before = null
  const endArea = () => {
    if (from !== null) area += 'L' + before + ' ' + height + 'L' + from + ' ' + height + 'Z'
    from = null
  }
  let at = 0
  for (const point of points) {
    const value = valueOf(point)
    if (value === null || value === undefined || now - point.at > windowMs) continue
    const x = (WIDTH - ((now - point.at) / windowMs) * WIDTH).toFixed(1)
    const y = (height - LINE / 2 - (Math.min(value, most) / most) * (height - LINE)).toFixed(1)
    const isNew = from === null || point.at - at > gapMs
    if (isNew) {
      endArea()
      from = x
    }
    line += (isNew ? 'M' : 'L') + x + ' ' + y
    area += (isNew ? 'M' : 'L') + x + ' ' + y
    before = x
    at = point.at
  }
  endArea()
  return { line, area }
}

const CHARTS = [
  { id: 'connections', least: 4, format: count, series: [['open', (point) => point.connections]] },
  {
    id: 'messages',
    least: 4,
    format: rate,
    series: [['in', (point) => point.rates && point.rates.messagesIn], ['out', (point) => point.rates && point.rates.messagesOut]],
  },
  {
    id: 'bytes',
    least: 1024,
    isBytes: true,
    format: bytes,
    series: [['in', (point) => point.rates && point.rates.bytesIn], ['out', (point) => point.rates && point.rates.bytesOut]],
  },
  {
    id: 'delay',
    least: 10,
    format: milliseconds,
    series: [['main', (point) => point.mainDelay], ['shards', (point) => point.shardDelay]],
  },
]

// A page that has just been opened is not nine tenths empty: the axis grows with what there is to show.
function fitWindow(points) {
  const ageMs = points.length === 0 ? 0 : time.now - points[0].at
  time.windowMs = [60, 120, 300].map((count) => count * time.sampleMs).find((span) => ageMs <= span) ?? POINTS * time.sampleMs
  return points.filter((point) => time.now - point.at <= time.windowMs)
}

function drawCharts(shown, capacity) {
  const latest = shown.at(-1)
  setText(byId('connections-open-name'), 'of ' + count(capacity))
  for (const { id, least, format, isBytes, series } of CHARTS) {
    const figure = byId('chart-' + id)
    const highest = Math.max(0, ...shown.flatMap((point) => series.map(([, valueOf]) => valueOf(point) ?? 0)))
    const most = niceMost(highest, least, isBytes === true)
    const [area, ...lines] = figure.querySelectorAll('path')
    const texts = []
    series.forEach(([name, valueOf], index) => {
      const drawn = drawLine(shown, valueOf, most, HEIGHT)
      lines[index].setAttribute('d', drawn.line)
      if (index === 0) area.setAttribute('d', drawn.area)
      const value = latest === undefined ? null : valueOf(latest)
      const text = value === null ? NONE : format(value)
      setText(byId(id + '-' + name), text)
      texts.push(name + ' ' + text)
    })
    setText(figure.querySelector('.from'), duration(time.windowMs) + ' ago')
    setText(figure.querySelector('.most'), 'scale to ' + format(most))
    const title = figure.querySelector('figcaption').textContent
    setAttribute(figure.querySelector('svg'), 'aria-label', title + ': now ' + texts.join(', ') + '; highest ' + format(highest))
  }
}
`
