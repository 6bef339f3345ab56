/**
 * Puts an echo server under load and prints what came back: TARGET (default ws://127.0.0.1:3000/), CLIENTS (default 50), MESSAGES
 * of each (default 100). It fails when a message is missing. `node dist/examples/verb/playground.js`
 */
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { WebSocket } from 'ws'

const { TARGET = 'ws://127.0.0.1:3000/', CLIENTS = '50', MESSAGES = '100' } = process.env
const DEADLINE_MS = 30_000

/** Sends its messages one after the other and returns the milliseconds that each echo took. */
async function run(index: number): Promise<number[]> {
  const socket = new WebSocket(TARGET)
  const echoes = new Map<string, number>()
  const times: number[] = []
  await once(socket, 'open')
  const done = new Promise<void>((resolve, reject) => {
    socket.once('close', () => reject(new Error(`client ${index}: closed after ${times.length} echoes`)))
    socket.on('message', (data) => {
      const text = String(data).replace(/^Echo: /, '')
      const sentMs = echoes.get(text)
      if (sentMs === undefined) return
      echoes.delete(text)
      times.push(performance.now() - sentMs)
      if (times.length === Number(MESSAGES)) resolve()
    })
  })
  for (let number = 0; number < Number(MESSAGES); number++) {
    const text = `client ${index}, message ${number}`
    echoes.set(text, performance.now())
    socket.send(text)
  }
  await done
  socket.removeAllListeners('close')
  socket.close()
  return times
}

const deadline = setTimeout(() => {
  console.error(`not done within ${DEADLINE_MS} ms`)
  process.exit(1)
}, DEADLINE_MS)
const startedMs = performance.now()
const times = (await Promise.all(Array.from({ length: Number(CLIENTS) }, (_, index) => run(index)))).flat()
const elapsedMs = performance.now() - startedMs
clearTimeout(deadline)
times.sort((a, b) => a - b)
const percentile = (share: number): string => `${times[Math.floor(share * (times.length - 1))]?.toFixed(1)} ms`
console.log(`${times.length} messages by ${CLIENTS} clients in ${elapsedMs.toFixed(0)} ms`)
console.log(`round trip: p50 ${percentile(0.5)}, p99 ${percentile(0.99)}, slowest ${percentile(1)}`)
