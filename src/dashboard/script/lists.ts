/** In the page: rooms, slow connections, losses and facts. */
export const LISTS_SCRIPT = `
const RECENT_MS = 60000

// Columns: the class of a cell, and what it says: a text, or a list of [class, text].
const LISTS = {
  rooms: {
    columns: [
      ['name', ({ room }) => [['clamp', visible(room)]]],
      ['num', ({ members }) => count(members)],
      ['num', ({ messages }) => count(messages)],
      ['num', ({ lastActivity }) => ago(time.now - lastActivity)],
    ],
  },
  queues: {
    columns: [
      ['name mono', ({ id }) => id],
      ['lane', ({ shard }) => [['chip', 'shard ' + shard]], ({ shard }) => String(shard % THREADS)],
      ['name', ({ ip, path }) => [['clamp', ip + ' ' + visible(path)]]],
      ['num', ({ queuedBytes }) => bytes(queuedBytes)],
    ],
  },
  losses: {
    columns: [
      ['name', ({ what, reason, meaning }) => [['', what], ['meaning', meaning], ['meaning mono', reason]]],
      ['num', ({ recent }) => (recent > 0 ? '+' + count(recent) : '0')],
      ['num', (loss) => count(loss.count)],
    ],
  },
}

function drawList(id, items, count, empty) {
  const { columns } = LISTS[id]
  byId(id + '-table').hidden = items.length === 0
  byId(id + '-empty').hidden = items.length > 0
  setText(byId(id + '-empty'), empty)
  setText(byId(id + '-count'), count)
  const newRow = () => {
    const row = element('tr')
    for (const [className] of columns) row.append(element('td', className))
    return row
  }
  fill(byId(id), items, newRow, (row, item) => {
    columns.forEach(([, say, thread], index) => {
      const cell = row.children[index]
      const said = say(item)
      if (thread !== undefined) setAttribute(cell, 'data-thread', thread(item))
      if (typeof said === 'string') setText(cell, said)
      else
        fill(cell, said, () => element('span'), (span, [className, text]) => {
          if (span.className !== className) span.className = className
          setText(span, text)
          if (className.includes('clamp')) span.title = text
        })
    })
  })
}

// What was counted a minute ago, or when this page first heard of anything.
const counted = []

function noteLosses(sample) {
  counted.push({ at: sample.point.at, counts: new Map(sample.losses.map((loss) => [loss.what + ' ' + loss.reason, loss.count])) })
  while (counted.length > 2 && time.now - counted[1].at > RECENT_MS) counted.shift()
}

function recentOf(loss) {
  return Math.max(0, loss.count - (counted[0].counts.get(loss.what + ' ' + loss.reason) ?? 0))
}

function drawLists(sample) {
  drawList('rooms', sample.largest, sample.rooms === 0 ? '' : count(sample.rooms) + ', ' + plural(sample.memberships, 'membership'), 'No rooms. A room is there for as long as it has members.')
  drawList('queues', sample.queues, sample.queuedBytes === 0 ? '' : bytes(sample.queuedBytes) + ' in all', 'Nobody is behind: no connection has unsent bytes.')
  const losses = sample.losses.map((loss) => ({ ...loss, recent: recentOf(loss) }))
  drawList('losses', losses, '', 'Nothing was refused, dropped or lost.')
}

const FACT_UNITS = { count, bytes, ratio: percent }

function newFact() {
  const pair = element('div')
  pair.append(element('dt'), element('dd'))
  return pair
}

function drawFacts({ facts, uptimeMs, main }) {
  setText(byId('uptime'), duration(uptimeMs) + ' ago')
  const all = [...facts, { name: 'Memory of the process', value: main.residentBytes, unit: 'bytes' }]
  fill(byId('facts'), all, newFact, (pair, { name, value, unit }) => {
    setText(pair.firstElementChild, name)
    setText(pair.lastElementChild, FACT_UNITS[unit](value))
    setClass(pair.lastElementChild, 'zero', value === 0)
  })
}
`
