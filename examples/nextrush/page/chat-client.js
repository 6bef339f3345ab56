/** Attempts after which the server is taken to be gone. */
const MAX_RECONNECT_ATTEMPTS = 5
const LONGEST_DELAY_MS = 30_000

/** The chat in one room, which comes back after the connection was lost. */
export class ChatClient {
  /** What is shown is a list's new lines, as text: what others wrote is never markup. */
  constructor(roomId, token, { origin = location.origin, baseDelayMs = 1000, list = null } = {}) {
    this.roomId = roomId
    this.token = token
    this.origin = origin
    this.baseDelayMs = baseDelayMs
    this.list = list
    this.socket = null
    this.reconnectAttempts = 0
    this.isClosed = false
  }

  connect() {
    const url = new URL(`/chat/${encodeURIComponent(this.roomId)}`, this.origin)
    url.protocol = url.protocol.replace('http', 'ws')
    url.searchParams.set('token', this.token)
    this.socket = new WebSocket(url)
    this.socket.onopen = () => {
      this.reconnectAttempts = 0
    }
    this.socket.onmessage = ({ data }) => this.handleMessage(JSON.parse(data))
    this.socket.onclose = ({ code }) => this.attemptReconnect(code)
  }

  close() {
    this.isClosed = true
    this.socket?.close()
  }

  handleMessage(message) {
    switch (message.type) {
      case 'room-history':
        for (const each of message.messages) this.displayMessage(each)
        break
      case 'chat-message':
        this.displayMessage(message)
        break
      case 'user-joined':
        this.displayNotification(`${message.user.email} joined`)
        break
      case 'user-left':
        this.displayNotification(`${message.user.email} left`)
        break
      case 'error':
        this.displayError(message.message)
        break
    }
  }

  /** False: there is no connection to send it on. */
  sendMessage(text) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false
    this.socket.send(JSON.stringify({ type: 'chat', text }))
    return true
  }

  /** Each attempt may take twice as long as the one before it; chance keeps clients from coming back all at once. */
  attemptReconnect(code) {
    // 1008: the server does not want us, and will not want us later either.
    if (this.isClosed || code === 1008) return
    if (this.reconnectAttempts === MAX_RECONNECT_ATTEMPTS) {
      this.displayError('The connection is lost.')
      return
    }
    const longestMs = Math.min(LONGEST_DELAY_MS, this.baseDelayMs * 2 ** this.reconnectAttempts)
    this.reconnectAttempts++
    this.displayNotification(`Reconnecting (${this.reconnectAttempts} of ${MAX_RECONNECT_ATTEMPTS})`)
    setTimeout(() => this.connect(), longestMs * (0.5 + Math.random() / 2))
  }

  displayMessage({ user, text }) {
    this.show(`${user.email}: ${text}`)
  }

  displayNotification(text) {
    this.show(text)
  }

  displayError(text) {
    this.show(`Error: ${text}`)
  }

  show(line) {
    const item = document.createElement('li')
    item.textContent = line
    this.list.append(item)
    item.scrollIntoView()
  }
}
