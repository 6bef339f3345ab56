/**
 * The clients of a room server, in a process of their own: they connect, say so, count the bytes of what is published, and
 * read until their parent is gone. Arguments: port, how many, and 'socket.io' for those that speak its protocol.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What the parent asks for: tell when that many bytes have come since the last time, over all clients. */
export interface AwaitBytes {
  readonly bytes: number
}

const AT_ONCE = 50
const [port, count] = process.argv.slice(2).map(Number) as [number, number]
const isSocketIo = process.argv[4] === 'socket.io'

const HANDSHAKE = [
  `GET ${isSocketIo ? '/socket.io/?EIO=4&transport=websocket' : '/'} HTTP/1.1`,
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
].join('\r\n')

/** `40`, masked with zeros: Engine.IO's message, Socket.IO's connect. It is answered with `40{"sid":…}`. */
const CONNECT = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30])

let received = 0
let awaited: number | null = null

function onBytes(chunk: Buffer): void {
  received += chunk.length
  tell()
}

function tell(): void {
  if (awaited === null || received < awaited) return
  if (received > awaited) throw new Error(`${received} bytes have come, not ${awaited}`)
  awaited = null
  received = 0
  process.send?.('all')
}

async function open(): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.setNoDelay()
  socket.write(`${HANDSHAKE}\r\n\r\n`)
  await once(socket, 'data')
  if (isSocketIo) await connectSocketIo(socket)
  socket.on('data', onBytes)
}

/** Engine.IO's greeting may have come with the 101 or after it. */
async function connectSocketIo(socket: Socket): Promise<void> {
  socket.write(CONNECT)
  let text = ''
  while (!text.includes('40{')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    text += chunk.toString('latin1')
  }
}

process.on('disconnect', () => process.exit())
process.on('message', ({ bytes }: AwaitBytes) => {
  awaited = bytes
  tell()
})
for (let opened = 0; opened < count; opened += AT_ONCE) {
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - opened) }, open))
}
process.send?.('open')
