/** In the page: what is heard from the server, and what happens when nothing is. */
export const LIVE_SCRIPT = `
const POINTS = 300
const MOST_RETRY_MS = 10000
// A page in the background looks on for a while, then leaves the server alone.
const HIDDEN_MS = 60000
const REFUSALS = {
  401: 'This page is not let in any more. Open it again.',
  403: 'This page is not let in any more. Open it again.',
  503: 'Too many pages of this dashboard are open. This one waits for a place.',
}
const LINK = { connecting: 'connecting', live: 'live', lost: 'reconnecting', ended: 'shut down', paused: 'paused' }

const time = { now: Date.now(), windowMs: POINTS * 1000, gapMs: 3000, sampleMs: 1000 }
let points = []
let latest = null
let heardMs = performance.now()
let heardAt = ''
let source = null
let retryMs = 1000
let retryTimer
let hiddenTimer
let isPaused = false
let refusal = ''

// The same address with another query: what else is in it, such as a token, stays.
function address(parameters) {
  const url = new URL(location.href)
  url.hash = ''
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url
}

function setLink(link) {
  document.body.dataset.link = link
  setText(byId('link'), LINK[isPaused && link === 'live' ? 'paused' : link])
}

// A screen reader reads it out whenever it changes, so it does not count seconds.
function notice(text) {
  const node = byId('notice')
  node.hidden = text === ''
  setText(node, text)
}

// The status and, if it is not good, why.
function healthOf({ status, lanes, point }) {
  if (status === 'unhealthy') return 'unhealthy: no shard takes connections'
  if (status !== 'degraded') return status
  const bad = lanes.filter(({ state }) => state !== 'adopting' && state !== 'retiring').map(({ shard, state }) => 'shard ' + shard + ' ' + state)
  if (point.mainDelay >= HIGH_DELAY_MS) bad.push('main lags')
  return 'degraded: ' + bad.join(', ')
}

function draw() {
  if (latest === null) return
  time.now = latest.point.at
  const shown = fitWindow(points)
  drawCharts(shown, latest.capacity)
  drawLanes(latest, shown)
  drawLists(latest)
  drawFacts(latest)
  drawTools(latest)
  document.body.dataset.status = latest.status
  setText(byId('health'), healthOf(latest))
  const title = latest.status + ', ' + plural(latest.point.connections, 'connection') + ' – ' + document.body.dataset.title
  if (document.title !== title) document.title = title
}

function hear(sample) {
  latest = sample
  heardMs = performance.now()
  heardAt = new Date().toLocaleTimeString('en-GB')
  time.now = sample.point.at
  noteLosses(sample)
  retryMs = 1000
  refusal = ''
  setLink(sample.live ? 'live' : 'ended')
  for (const button of document.querySelectorAll('[data-action]')) if (!button.dataset.busy) button.disabled = !sample.live
  if (!sample.live) notice(sample.status === 'draining' ? 'The server has been shut down. This page waits for the next one.' : 'Every shard has died too often: only a restart of the process helps.')
  else notice(sample.status === 'draining' ? 'The server drains: nobody new is let in, and whoever is connected is asked to go.' : '')
  if (!isPaused) draw()
}

function listen() {
  clearTimeout(retryTimer)
  source?.close()
  source = new EventSource(address({ events: '' }))
  source.addEventListener('begin', ({ data }) => {
    const begin = JSON.parse(data)
    time.sampleMs = begin.sampleMs
    time.gapMs = 3 * begin.sampleMs
    points = begin.points
    hear(begin.latest)
  })
  source.addEventListener('sample', ({ data }) => {
    const sample = JSON.parse(data)
    points.push(sample.point)
    if (points.length > POINTS) points.shift()
    hear(sample)
  })
  source.addEventListener('error', () => {
    // A browser gives up by itself when the answer is no stream: the server is starting, or does not let us in any more.
    if (source.readyState !== EventSource.CLOSED) return
    learnWhy()
    lose()
    retryTimer = setTimeout(listen, retryMs)
    retryMs = Math.min(MOST_RETRY_MS, retryMs * 2)
  })
}

// An EventSource does not say what it was answered.
async function learnWhy() {
  try {
    const { status } = await fetch(address({ events: '' }), { method: 'HEAD', redirect: 'manual' })
    refusal = REFUSALS[status] ?? ''
  } catch {
    refusal = ''
  }
  if (refusal !== '' && document.body.dataset.link !== 'live') notice(refusal)
}

function lose() {
  if (document.body.dataset.link !== 'ended') setLink(latest === null ? 'connecting' : 'lost')
  if (latest === null) return notice(refusal !== '' ? refusal : 'The server cannot be reached, or does not let this page in.')
  if (document.body.dataset.link !== 'lost') return
  setText(byId('health'), 'was ' + latest.status)
  notice(refusal !== '' ? refusal : 'No news from the server since ' + heardAt + '. What you see is how things were then.')
}

// A stream that is renewed is back within a second or two: nobody needs to hear of it.
setInterval(() => {
  if (!document.hidden && performance.now() - heardMs > 2500 + 2 * time.sampleMs) lose()
}, 1000)

document.addEventListener('visibilitychange', () => {
  clearTimeout(hiddenTimer)
  if (document.hidden) {
    hiddenTimer = setTimeout(() => {
      source.close()
      clearTimeout(retryTimer)
    }, HIDDEN_MS)
  } else if (source.readyState === EventSource.CLOSED) listen()
})

byId('pause').addEventListener('click', ({ currentTarget }) => {
  isPaused = !isPaused
  currentTarget.setAttribute('aria-pressed', String(isPaused))
  setLink(document.body.dataset.link)
  if (!isPaused) draw()
})
`
