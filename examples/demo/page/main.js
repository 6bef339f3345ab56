import { Connection } from './connection.js'
import { addEvent, addMessage, addOwn, giveUpUnconfirmed, startOver } from './conversation.js'
import { showPeople } from './people.js'

const byId = (id) => document.getElementById(id)
const connection = new Connection(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/chat`)

/** After the announcement the main thread is still free for a moment; this ping meets it blocked. */
const PROBE_AFTER_MS = 200
const COUNTDOWN_INTERVAL_MS = 250

let name = ''
/** Who this page is for the server, null before its welcome and after a loss. */
let you = null
let people = []
let shards = 0
let lastKey = 0
let countdown

function setState(state) {
  byId('chat').dataset.state = state
  byId('state').textContent = state
  byId('send').disabled = byId('block').disabled = state !== 'connected'
}

function showNotice(text, canRetry = false) {
  byId('notice').hidden = false
  byId('notice-text').textContent = text
  byId('retry').hidden = !canRetry
}

function hideNotice() {
  byId('notice').hidden = true
  byId('threads').classList.remove('blocked')
}

/** What to do with each reply, by its type. */
const on = {
  welcome({ you: person, people: everybody, history }) {
    const isBack = people.length > 0
    you = person
    people = everybody
    startOver(history)
    if (isBack) addEvent('Connected again.')
    hideNotice()
    setState('connected')
  },
  joined({ person }) {
    people.push(person)
    addEvent(`${person.name} joined on shard ${person.shard}.`)
  },
  left({ person }) {
    people = people.filter(({ number }) => number !== person.number)
    addEvent(`${person.name} left.`)
  },
  message(message) {
    addMessage(message, you)
  },
  stats(stats) {
    shards = stats.shards
    for (const figure of ['connections', 'messagesIn', 'messagesOut', 'shards', 'handoff']) {
      const value = stats[figure]
      byId(figure).textContent = typeof value === 'number' ? value.toLocaleString() : value
    }
  },
  blocking({ by, blockMs }) {
    const who = by.number === you.number ? 'You have' : `${by.name} has`
    byId('threads').classList.add('blocked')
    byId('block').disabled = true
    showNotice(
      `${who} blocked the main thread for ${blockMs / 1000} s. Your connection is open, what you send now waits in your shard.`,
    )
    setTimeout(() => connection.ping(), PROBE_AFTER_MS)
  },
  blocked({ blockedMs, people: present, heartbeats, waiting }) {
    hideNotice()
    byId('block').disabled = false
    addEvent(
      `The main thread was blocked for ${(blockedMs / 1000).toFixed(1)} s. Meanwhile the shards heard a heartbeat from ` +
        `${heartbeats} of ${present} ${present === 1 ? 'person' : 'people'} and took in ${waiting} ` +
        `${waiting === 1 ? 'message' : 'messages'}, which main is handling now.`,
      'report',
    )
  },
  error({ problem }) {
    if (you === null) leaveToWelcome(problem)
    else addEvent(`The server says: ${problem}.`, 'refusal')
  },
}

/** The name was refused: back to where it is asked for. */
function leaveToWelcome(problem) {
  byId('chat').hidden = true
  byId('welcome').hidden = false
  byId('join-problem').textContent = `The server says: ${problem}.`
  byId('name').focus()
}

connection.addEventListener('open', () => {
  clearInterval(countdown)
  setState('connecting')
  connection.send({ type: 'join', name })
})

connection.addEventListener('reply', ({ detail: reply }) => {
  // Broadcasts reach a connection before it has joined; the welcome holds what they told.
  if (you === null && !['welcome', 'error', 'stats'].includes(reply.type)) return
  on[reply.type]?.(reply)
  if (you !== null && ['welcome', 'joined', 'left', 'stats'].includes(reply.type)) showPeople(people, you, shards)
})

connection.addEventListener('latency', ({ detail: { ms, isWaiting } }) => {
  const isLong = ms >= 1000
  byId('latency').textContent = isLong ? `${(ms / 1000).toFixed(1)} s` : `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`
  byId('latency').classList.toggle('waiting', isWaiting)
})

connection.addEventListener('closed', ({ detail: { retryAt } }) => {
  if (you !== null) addEvent('The connection was lost.', 'refusal')
  you = null
  giveUpUnconfirmed()
  hideNotice()
  setState('offline')
  byId('latency').textContent = '–'
  showNotice('The server cannot be reached. This page tries again by itself.', true)
  clearInterval(countdown)
  // On the button, because a status that changes every second would be read out every second.
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((retryAt - performance.now()) / 1000))
    byId('retry').textContent = `Try now (${seconds} s)`
  }
  countdown = setInterval(tick, COUNTDOWN_INTERVAL_MS)
  tick()
})

byId('retry').addEventListener('click', () => connection.retry())
byId('block').addEventListener('click', () => connection.send({ type: 'block' }))

byId('join').addEventListener('submit', (event) => {
  event.preventDefault()
  name = byId('name').value.trim()
  if (name === '') return
  byId('join-problem').textContent = ''
  byId('welcome').hidden = true
  byId('chat').hidden = false
  setState('connecting')
  byId('text').focus()
  if (connection.isOpen) connection.send({ type: 'join', name })
  else connection.connect()
})

byId('composer').addEventListener('submit', (event) => {
  event.preventDefault()
  const text = byId('text').value.trim()
  if (text === '' || you === null) return
  addOwn(you, text, ++lastKey)
  connection.send({ type: 'say', text, key: lastKey })
  byId('text').value = ''
})

// On a wide screen the side is always there, on a narrow one it opens on demand.
const wide = matchMedia('(min-width: 56rem)')
const openSide = () => {
  byId('side').open = wide.matches
}
wide.addEventListener('change', openSide)
openSide()
