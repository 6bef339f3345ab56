/** A chat room with its page: `node dist/examples/nexure/chat.js`, then open the URL it prints, twice. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { WebSocketServer } from '../../src/facades/nexure.ts'
import { serve } from './serve.ts'

const MAX_NAME_LENGTH = 32
const MAX_TEXT_LENGTH = 2000

// The page is no TypeScript, so it is not in dist: it is found from the package's root.
const page = readFileSync(new URL('examples/nexure/index.html', import.meta.resolve('shardws/package.json')))

const server = createServer((request, response) => {
  if (request.url === '/') response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page)
  else response.writeHead(404).end()
})
const wss = new WebSocketServer({ protocols: ['chat'] })

interface User {
  username: string
}

const users = new Map<string, User>()
let lastNumber = 0

/** What a client may say; anything else it said is undefined. */
interface Request {
  readonly type?: unknown
  readonly text?: unknown
  readonly username?: unknown
}

wss.on('connection', (id) => {
  const username = `User${++lastNumber}`
  users.set(id, { username })
  wss.send(id, JSON.stringify({ type: 'welcome', id, username }))
  tellAll({ type: 'userJoined', username })
})

wss.on('message', (id, message, isBinary) => {
  const user = users.get(id)
  if (user === undefined) return
  const problem = isBinary ? 'text only, please' : handle(user, parse(message))
  if (problem !== null) wss.send(id, JSON.stringify({ type: 'error', message: problem }))
})

wss.on('close', (id) => {
  const user = users.get(id)
  users.delete(id)
  if (user !== undefined) tellAll({ type: 'userLeft', username: user.username })
})

/** Returns what was wrong with the request, or null. */
function handle(user: User, request: Request | null): string | null {
  switch (request?.type) {
    case 'chat': {
      const message = textWithin(request.text, MAX_TEXT_LENGTH)
      if (message === null) return `text must be a string of 1 to ${MAX_TEXT_LENGTH} characters`
      tellAll({ type: 'chat', username: user.username, message })
      return null
    }
    case 'updateUsername': {
      const newUsername = textWithin(request.username, MAX_NAME_LENGTH)
      if (newUsername === null) return `username must be a string of 1 to ${MAX_NAME_LENGTH} characters`
      const oldUsername = user.username
      user.username = newUsername
      tellAll({ type: 'usernameChanged', oldUsername, newUsername })
      return null
    }
    default:
      return 'not a JSON object with a known type'
  }
}

function parse(message: Buffer): Request | null {
  try {
    const value: unknown = JSON.parse(message.toString())
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

/** The trimmed text, or null if it is no text, empty or too long. */
function textWithin(value: unknown, maxLength: number): string | null {
  if (typeof value !== 'string') return null
  const text = value.trim()
  return text.length > 0 && text.length <= maxLength ? text : null
}

function tellAll(message: Readonly<Record<string, unknown>>): void {
  wss.broadcast(JSON.stringify({ ...message, timestamp: Date.now() }))
}

server.on('upgrade', (request, socket, head) => wss.handleUpgrade(request, socket, head))

await serve(server, wss)
