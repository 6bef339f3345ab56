import { performance } from 'node:perf_hooks'
import type { WebSocketServer } from '../../src/index.ts'
import { blockMainThread } from './blocking.ts'
import { type ChatMessage, type Person, parseRequest, type Reply, type Request } from './protocol.ts'

const HISTORY_MESSAGES = 50
const STATS_INTERVAL_MS = 1000
const BLOCK_MS = 2000
/** From the announcement to the blocking: what is posted to a shard leaves main at the end of the tick. */
const ANNOUNCEMENT_MS = 50
/** What was asked for while main was blocked is refused afterwards, not done. */
const BLOCK_PAUSE_MS = 1000
/** RFC 6455 §7.4.1, IANA registry: try again later. */
const TRY_AGAIN_LATER = 1013

/** One room for everybody. All of it runs on the main thread; the shards hold the connections. */
export class Chat {
  readonly #server: WebSocketServer
  /** By connection id. */
  readonly #people = new Map<string, Person>()
  readonly #history: ChatMessage[] = []
  readonly #statsTimer: NodeJS.Timeout
  #blockTimer: NodeJS.Timeout | undefined
  #blockableFromMs = 0
  #lastNumber = 0

  constructor(server: WebSocketServer) {
    this.#server = server
    server.on('message', (id, message, isBinary) => this.#answer(id, parseRequest(message, isBinary)))
    server.on('close', (id) => this.#leave(id))
    // A page that missed something starts again with the history.
    server.on('dropped', (id) => server.close(id, TRY_AGAIN_LATER, 'reads too slowly'))
    this.#statsTimer = setInterval(() => this.#tellStats(), STATS_INTERVAL_MS)
  }

  /** To be called before the server's shutdown. */
  stop(): void {
    clearInterval(this.#statsTimer)
    clearTimeout(this.#blockTimer)
  }

  #answer(id: string, request: Request): void {
    if (request.type === 'malformed') return this.#refuse(id, request.problem)
    if (request.type === 'ping') return this.#tell(id, { type: 'pong', sentAt: request.sentAt })
    const person = this.#people.get(id)
    if (request.type === 'join')
      return person ? this.#refuse(id, 'you have joined already') : this.#join(id, request.name)
    if (person === undefined) return this.#refuse(id, 'join first')
    if (request.type === 'block') return this.#block(id, person)
    this.#say({ author: person, text: request.text, takenAt: Date.now(), key: request.key })
  }

  #join(id: string, name: string): void {
    const connection = this.#server.getConnection(id)
    if (connection === undefined) return
    const person: Person = { number: ++this.#lastNumber, name, shard: connection.shard }
    this.#people.set(id, person)
    this.#tell(id, { type: 'welcome', you: person, people: [...this.#people.values()], history: this.#history })
    this.#tellStats()
    this.#tellAll({ type: 'joined', person }, id)
  }

  #leave(id: string): void {
    const person = this.#people.get(id)
    if (person === undefined) return
    this.#people.delete(id)
    this.#tellAll({ type: 'left', person })
  }

  #say(message: ChatMessage): void {
    this.#history.push(message)
    if (this.#history.length > HISTORY_MESSAGES) this.#history.shift()
    this.#tellAll({ type: 'message', ...message })
  }

  #block(id: string, by: Person): void {
    const now = performance.now()
    if (now < this.#blockableFromMs) return this.#refuse(id, 'the main thread was blocked just now, try again')
    this.#blockableFromMs = now + ANNOUNCEMENT_MS + BLOCK_MS + BLOCK_PAUSE_MS
    this.#tellAll({ type: 'blocking', by, blockMs: BLOCK_MS })
    this.#blockTimer = setTimeout(() => {
      const report = blockMainThread(this.#server, [...this.#people.keys()], BLOCK_MS)
      this.#tellAll({ type: 'blocked', ...report })
    }, ANNOUNCEMENT_MS)
  }

  #tellStats(): void {
    const { connections, messagesReceived, messagesSent, shards, handoff } = this.#server.stats()
    this.#tellAll({
      type: 'stats',
      connections,
      messagesIn: messagesReceived,
      messagesOut: messagesSent,
      shards: shards.length,
      handoff: handoff ?? 'starting',
    })
  }

  #refuse(id: string, problem: string): void {
    this.#tell(id, { type: 'error', problem })
  }

  #tell(id: string, reply: Reply): void {
    this.#server.send(id, JSON.stringify(reply))
  }

  #tellAll(reply: Reply, except?: string): void {
    this.#server.broadcast(JSON.stringify(reply), except === undefined ? {} : { except })
  }
}
