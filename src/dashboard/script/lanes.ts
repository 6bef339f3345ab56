/** In the page: a lane for main and one for every shard. */
export const LANES_SCRIPT = `
const THREADS = 8
const SPARK_HEIGHT = 26
const HIGH_SHARE = 0.9
const HIGH_DELAY_MS = 200

const perSecond = (value) => (value === null ? NONE : rate(value) + '/s')
const bytesPerSecond = (value) => (value === null ? NONE : bytes(value) + '/s')

// Name, text of the figure, and whether it is one to look at.
const CELLS = [
  ['Connections', ({ stats }) => stats && count(stats.connections)],
  ['Messages in', ({ rates }) => rates && perSecond(rates.messagesIn)],
  ['Messages out', ({ rates }) => rates && perSecond(rates.messagesOut)],
  ['Wire in', ({ rates }) => rates && bytesPerSecond(rates.bytesIn)],
  ['Wire out', ({ rates }) => rates && bytesPerSecond(rates.bytesOut)],
  ['Queued', ({ stats }) => stats && bytes(stats.queuedBytes)],
  ['Busy', ({ loop }) => loop && percent(loop.share), ({ loop }) => loop !== null && loop.share >= HIGH_SHARE],
  ['Delay', ({ loop }) => loop && milliseconds(loop.delayMs), ({ loop }) => loop !== null && loop.delayMs >= HIGH_DELAY_MS],
  ['Heap', ({ memory }) => memory && bytes(memory.heap), ({ memory }) => memory !== null && memory.pressure >= 0.8],
  ['Buffers', ({ memory }) => memory && bytes(memory.external)],
]
const BUSY = 6

function mainLane({ main }) {
  return {
    name: 'main',
    state: '',
    isFine: true,
    thread: '',
    stats: null,
    rates: null,
    loop: { share: main.utilization, delayMs: main.delayMs },
    memory: { heap: main.heapBytes, external: main.externalBytes, pressure: 0 },
    of: null,
  }
}

function shardLane({ shard, state, stats, rates }) {
  return {
    name: 'shard ' + shard,
    state,
    isFine: state === 'adopting' || state === 'starting' || state === 'retiring',
    thread: String(shard % THREADS),
    stats,
    rates,
    loop: stats && { share: stats.loopUtilization, delayMs: stats.loopDelayMs },
    memory: stats && { heap: stats.heapBytes, external: stats.externalBytes, pressure: stats.memoryPressure },
    of: (point) => point.lanes[shard],
  }
}

function newLane() {
  const row = element('tr', 'lane')
  row.setAttribute('role', 'row')
  const who = element('th', 'who')
  who.scope = 'row'
  who.setAttribute('role', 'rowheader')
  who.append(element('b'), ' ', element('span'))
  const spark = element('td', 'spark')
  spark.setAttribute('role', 'cell')
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('viewBox', '0 0 ' + WIDTH + ' ' + SPARK_HEIGHT)
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.setAttribute('aria-hidden', 'true')
  svg.append(path('thread'), path('area'), path('line'))
  svg.firstElementChild.setAttribute('d', 'M0 ' + (SPARK_HEIGHT - 1) + 'H' + WIDTH)
  spark.append(svg)
  row.append(who, spark)
  CELLS.forEach(([name], index) => {
    const cell = element('td', 'num')
    cell.setAttribute('role', 'cell')
    cell.setAttribute('data-label', name)
    if (index === BUSY) cell.append(element('span', 'meter'))
    cell.append(element('span'))
    row.append(cell)
  })
  return row
}

function drawLanes(sample, shown) {
  const lanes = [mainLane(sample), ...sample.lanes.map(shardLane)]
  const busiest = Math.max(4, ...shown.flatMap((point) => Object.values(point.lanes)))
  fill(byId('lanes'), lanes, newLane, (row, lane) => {
    setAttribute(row, 'data-thread', lane.thread)
    const [who, spark, ...cells] = row.children
    setText(who.firstElementChild, lane.name)
    setText(who.lastElementChild, lane.state)
    setClass(who.lastElementChild, 'alarm', !lane.isFine)
    setClass(spark, 'none', lane.of === null)
    const drawn = drawLine(shown, lane.of ?? (() => null), busiest, SPARK_HEIGHT)
    const [thread, area, line] = spark.firstElementChild.children
    setAttribute(thread, 'd', lane.of === null ? '' : 'M0 ' + (SPARK_HEIGHT - 1) + 'H' + WIDTH)
    area.setAttribute('d', drawn.area)
    line.setAttribute('d', drawn.line)
    CELLS.forEach(([, textOf, isHigh], index) => {
      const cell = cells[index]
      const text = textOf(lane)
      setClass(cell, 'none', text === null && lane.of === null)
      setClass(cell, 'high', isHigh !== undefined && isHigh(lane))
      setText(cell.lastElementChild, text ?? (lane.of === null ? '' : NONE))
      if (index === BUSY) cell.firstElementChild.style.setProperty('--share', String(lane.loop ? Math.min(1, lane.loop.share) : 0))
    })
  })
  setText(byId('lanes-count'), plural(sample.lanes.length, 'shard') + (sample.handoff ? ', hand-off by ' + sample.handoff : ''))
}
`
