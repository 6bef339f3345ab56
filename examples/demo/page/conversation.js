import { badge, element } from './elements.js'

/** What the page keeps; the server remembers less. */
const MAX_ENTRIES = 500
/** An own message that took longer than this says so. */
const LATE_MS = 500
/** Closer to the end than this, the reader follows the conversation. */
const FOLLOW_PX = 80

const log = document.getElementById('log')
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })

/** Whether the reader is at the end and wants to stay there. */
let isFollowing = true
let shownHeight = 0
log.addEventListener('scroll', () => {
  // A log that has just shrunk is not at its end either, but nobody has scrolled.
  if (log.clientHeight === shownHeight) {
    isFollowing = log.scrollHeight - log.scrollTop - log.clientHeight < FOLLOW_PX
  }
})
new ResizeObserver(() => {
  shownHeight = log.clientHeight
  if (isFollowing) log.scrollTop = log.scrollHeight
}).observe(log)

/** Own messages that the server has not confirmed, by key. */
const unconfirmed = new Map()

/** The log as the server remembers it, and after that what it may not know. */
export function startOver(history) {
  const undelivered = [...log.querySelectorAll('.undelivered')]
  log.replaceChildren()
  for (const message of history) add(entryOf(message))
  for (const entry of undelivered) add(entry)
}

export function addOwn(you, text, key) {
  const entry = entryOf({ author: you, text, takenAt: Date.now() })
  entry.classList.add('waiting')
  unconfirmed.set(key, { entry, sentAt: performance.now() })
  add(entry, true)
}

export function addMessage(message, you) {
  const own = message.author.number === you.number ? unconfirmed.get(message.key) : undefined
  if (own === undefined) return add(entryOf(message))
  unconfirmed.delete(message.key)
  own.entry.classList.remove('waiting')
  const tookMs = performance.now() - own.sentAt
  if (tookMs > LATE_MS) own.entry.querySelector('.time').prepend(`waited ${(tookMs / 1000).toFixed(1)} s · `)
}

/** A line about the conversation, not part of it. */
export function addEvent(text, kind = '') {
  const entry = element('p', `event ${kind}`)
  entry.append(element('span', '', text), element('time', 'time', clock.format(Date.now())))
  add(entry)
}

/** What was on its way when the connection was lost: nobody knows whether it arrived. */
export function giveUpUnconfirmed() {
  for (const { entry } of unconfirmed.values()) {
    entry.classList.replace('waiting', 'undelivered')
    entry.querySelector('.time').textContent = 'not confirmed before the connection was lost'
  }
  unconfirmed.clear()
}

function entryOf({ author, text, takenAt }) {
  const entry = element('article', 'message')
  const mark = badge(author)
  entry.dataset.shard = mark.dataset.shard
  entry.dataset.author = author.number
  const head = element('header')
  head.append(element('span', 'author', author.name), mark, element('time', 'time', clock.format(takenAt)))
  entry.append(head, element('p', 'text', text))
  return entry
}

function add(entry, mustFollow = false) {
  if (entry.dataset.author && entry.dataset.author === log.lastElementChild?.dataset.author) {
    entry.classList.add('continued')
  }
  log.append(entry)
  if (log.childElementCount > MAX_ENTRIES) log.firstElementChild.remove()
  if (isFollowing || mustFollow) log.scrollTop = log.scrollHeight
}
