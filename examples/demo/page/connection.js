/** How often the round trip is measured, and how often a reply that is late is shown as such. */
const PING_INTERVAL_MS = 2000
const LATE_INTERVAL_MS = 100
/** Without a reply for this long, the network is gone and nobody has told the browser. */
const LOST_AFTER_MS = 15_000
const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 10_000

/**
 * A WebSocket that comes back. Events: `open`; `reply` (detail: one object from the server); `closed` (detail.retryAt,
 * as performance.now()); `latency` (detail.ms, detail.isWaiting: no reply yet).
 */
export class Connection extends EventTarget {
  #url
  #socket = null
  #failures = 0
  #retryTimer
  #timers = []
  /** When the ping without a pong was sent, or null. */
  #pingSentAt = null

  constructor(url) {
    super()
    this.#url = url
    addEventListener('online', () => this.retry())
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  connect() {
    const socket = new WebSocket(this.#url)
    this.#socket = socket
    socket.onopen = () => {
      this.#timers = [
        setInterval(() => this.ping(), PING_INTERVAL_MS),
        setInterval(() => this.#checkPing(), LATE_INTERVAL_MS),
      ]
      this.#tell('open')
      this.ping()
    }
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data))
    socket.onclose = () => this.#lose()
  }

  /** Connects at once instead of at the end of the pause. */
  retry() {
    if (this.#retryTimer === undefined) return
    clearTimeout(this.#retryTimer)
    this.#retryTimer = undefined
    this.connect()
  }

  send(request) {
    if (this.isOpen) this.#socket.send(JSON.stringify(request))
  }

  /** Browsers cannot send WebSocket pings: this is a message, which the main thread answers. One at a time. */
  ping() {
    if (this.#pingSentAt !== null) return
    this.#pingSentAt = performance.now()
    this.send({ type: 'ping', sentAt: this.#pingSentAt })
  }

  #receive(reply) {
    if (reply.type === 'welcome') this.#failures = 0
    if (reply.type !== 'pong') return this.#tell('reply', reply)
    this.#pingSentAt = null
    this.#tell('latency', { ms: performance.now() - reply.sentAt, isWaiting: false })
  }

  #checkPing() {
    if (this.#pingSentAt === null) return
    const ms = performance.now() - this.#pingSentAt
    if (ms > LOST_AFTER_MS) this.#lose()
    else if (ms > 2 * LATE_INTERVAL_MS) this.#tell('latency', { ms, isWaiting: true })
  }

  #lose() {
    for (const timer of this.#timers) clearInterval(timer)
    this.#pingSentAt = null
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null
    this.#socket.close()
    // Jitter: after a restart of the server, not everybody comes back in the same moment.
    const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures++) * (0.5 + Math.random())
    this.#retryTimer = setTimeout(() => this.retry(), delayMs)
    this.#tell('closed', { retryAt: performance.now() + delayMs })
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
