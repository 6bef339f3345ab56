import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import { Child } from '../../../bench/harness/child.ts'
import type { LoadCommand, LoadReply, LoadSample } from '../../../bench/protocol.ts'
import type { Work } from '../../../bench/works.ts'

const LOAD = new URL('../../../bench/load/load.js', import.meta.url)
const ECHO: Work = { name: 'test', title: 'test', app: 'echo', connections: 2, payloadBytes: 300, inFlight: 3 }

/** Runs the load against a server that answers as `answer` does. */
async function startLoad(
  t: Test,
  work: Work,
  answer: (socket: WebSocket, message: Buffer, count: number, wss: WebSocketServer) => void,
  options: ServerOptions = {},
): Promise<Child<LoadCommand, LoadReply>> {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options })
  let count = 0
  wss.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.on('message', (message) => {
      count += 1
      answer(socket, message as Buffer, count, wss)
    })
  })
  await once(wss, 'listening')
  const load = new Child<LoadCommand, LoadReply>('load', LOAD)
  t.teardown(async () => {
    await load.end()
    wss.close()
  })
  await load.request({ type: 'run', port: (wss.address() as AddressInfo).port, work }, 'running', 10_000)
  return load
}

async function sampleUntil(
  load: Child<LoadCommand, LoadReply>,
  enough: (sample: LoadSample) => boolean,
): Promise<LoadSample> {
  for (;;) {
    const { sample } = await load.request({ type: 'sample', reset: false }, 'sampled', 10_000)
    if (enough(sample)) return sample
  }
}

const never = () => false

t.test('counts the echoes of a correct server', async (t) => {
  const load = await startLoad(t, ECHO, (socket, message) => socket.send(message))
  const sample = await sampleUntil(load, ({ messages, p50Us }) => messages > 1000 && p50Us > 0)
  t.ok(sample.p99Us >= sample.p50Us)
})

t.test('a wrong byte late in the stream ends the measurement', async (t) => {
  const load = await startLoad(t, ECHO, (socket, message, count) => {
    if (count === 500) message[299] = (message[299] ?? 0) ^ 1
    socket.send(message)
  })
  await t.rejects(sampleUntil(load, never), { message: 'load: a reply differs from the message sent' })
})

t.test('an echo of another type is a wrong reply', async (t) => {
  const load = await startLoad(t, ECHO, (socket, message) => socket.send(message, { binary: false }))
  await t.rejects(sampleUntil(load, never), { message: 'load: a reply differs from the message sent' })
})

t.test('a repeated echo ends the measurement', async (t) => {
  const load = await startLoad(t, ECHO, (socket, message, count) => {
    socket.send(message)
    if (count === 500) socket.send(message)
  })
  await t.rejects(sampleUntil(load, never), { message: /load: more echoes than messages/ })
})

t.test('a closed connection ends the measurement', async (t) => {
  const load = await startLoad(t, ECHO, (socket, message, count) => {
    if (count === 500) socket.terminate()
    else socket.send(message)
  })
  await t.rejects(sampleUntil(load, never), { message: /load: the server closed a connection/ })
})

t.test('a refused handshake fails the run', async (t) => {
  const refusing = startLoad(t, ECHO, () => {}, { verifyClient: () => false })
  await t.rejects(refusing, { message: 'load: handshake refused: HTTP/1.1 401 Unauthorized' })
})

t.test('a fan-out counts one message per member', async (t) => {
  const work: Work = { ...ECHO, app: 'fan-out', connections: 5 }
  const load = await startLoad(t, work, (_socket, message, count, wss) => {
    // The second batch stays one delivery short of complete, so that nothing more is published.
    const skipped = count === 2 * work.inFlight ? 1 : 0
    for (const member of [...wss.clients].slice(skipped)) member.send(message)
  })
  const { messages } = await sampleUntil(load, (sample) => sample.messages >= 29)
  t.equal(messages, 2 * work.inFlight * work.connections - 1)
})
