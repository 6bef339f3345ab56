/** The clients of `compute.ts`, in a process of their own: some ask for work, others measure how soon they are answered. */
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'

const [port, milliseconds, heavyPerSecond] = process.argv.slice(2).map(Number) as [number, number, number]

const LIGHT_CONNECTIONS = 4
/** Past it a request is left out: on a machine that is too slow for the pace they would pile up. */
const MAX_UNANSWERED = 4
/** Between an answer and the next message. */
const PAUSE_MS = 5

async function connect(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
  await once(socket, 'open')
  return socket
}

/** One message after the other, whose answers take what they take. Returns round trips in milliseconds. */
async function measureLight(socket: WebSocket, untilMs: number): Promise<number[]> {
  const trips: number[] = []
  while (performance.now() < untilMs) {
    const sentMs = performance.now()
    socket.send('light')
    await once(socket, 'message')
    trips.push(performance.now() - sentMs)
    await pause(PAUSE_MS)
  }
  return trips
}

/** At a steady pace, whether the answers have come or not. */
async function measureHeavy(socket: WebSocket, untilMs: number): Promise<number[]> {
  const sent: number[] = []
  const trips: number[] = []
  socket.on('message', () => trips.push(performance.now() - (sent.shift() as number)))
  const beganMs = performance.now()
  for (let asked = 0; performance.now() < untilMs; asked++) {
    const dueMs = beganMs + (asked * 1000) / heavyPerSecond
    await pause(Math.max(0, dueMs - performance.now()))
    if (sent.length === MAX_UNANSWERED) continue
    sent.push(performance.now())
    socket.send('heavy')
  }
  while (sent.length > 0) await once(socket, 'message')
  return trips
}

const light = await Promise.all(Array.from({ length: LIGHT_CONNECTIONS }, connect))
const heavy = await connect()
const untilMs = performance.now() + milliseconds
const [trips, answers] = await Promise.all([
  Promise.all(light.map((socket) => measureLight(socket, untilMs))),
  heavyPerSecond > 0 ? measureHeavy(heavy, untilMs) : [],
])
for (const socket of [...light, heavy]) socket.close()
process.send?.({ light: trips.flat(), heavy: answers })
