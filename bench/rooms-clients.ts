/** The clients of `rooms.ts`, in a process of their own: they connect, say so, and read until their parent is gone. */
import { once } from 'node:events'
import { connect } from 'node:net'

const [port, count] = process.argv.slice(2).map(Number)

const HANDSHAKE = [
  'GET / HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
].join('\r\n')

async function open(): Promise<void> {
  const socket = connect({ port: port as number, host: '127.0.0.1' })
  socket.write(`${HANDSHAKE}\r\n\r\n`)
  await once(socket, 'data')
  socket.resume()
}

process.on('disconnect', () => process.exit())
for (let opened = 0; opened < (count as number); opened += 50) {
  await Promise.all(Array.from({ length: Math.min(50, (count as number) - opened) }, open))
}
process.send?.('open')
