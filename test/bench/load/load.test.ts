import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import { Child } from '../../../bench/harness/child.ts'
import type { LoadCommand, LoadReply, LoadSample } from '../../../bench/protocol.ts'
import type { Work } from '../../../bench/works.ts'

const LOAD = new URL('../../../bench/load/load.js', import.meta.url)
const ECHO: Work = {
  name: 'test',
  title: 'test',
  load: 'batches',
  app: 'echo',
  connections: 2,
  payloadBytes: 300,
  inFlight: 3,
}
const DEFLATE: Work = { ...ECHO, payloadBytes: 1024, inFlight: 1, deflate: true }

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

t.test('a fan-out begins when every member has answered a ping', async (t) => {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong: false })
  const members: WebSocket[] = []
  let published = 0
  wss.on('connection', (socket) => {
    // Membership is late, as behind a hand-off: who publishes before it misses somebody.
    socket.on('ping', () => {
      setTimeout(() => {
        members.push(socket)
        socket.pong()
      }, 20)
    })
    socket.on('message', (message) => {
      published += 1
      for (const member of members) member.send(message)
    })
  })
  await once(wss, 'listening')
  const load = new Child<LoadCommand, LoadReply>('load', LOAD)
  t.teardown(async () => {
    await load.end()
    wss.close()
  })
  const work: Work = { ...ECHO, app: 'fan-out', connections: 60, inFlight: 1 }
  await load.request({ type: 'run', port: (wss.address() as AddressInfo).port, work }, 'running', 10_000)
  await sampleUntil(load, ({ messages }) => messages >= 600)
  t.ok(published >= 10)
})

t.test('another answer to a ping fails the run of a fan-out', async (t) => {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong: false })
  wss.on('connection', (socket) => socket.on('ping', () => socket.pong('x')).on('error', () => {}))
  await once(wss, 'listening')
  const load = new Child<LoadCommand, LoadReply>('load', LOAD)
  t.teardown(async () => {
    await load.end()
    wss.close()
  })
  const { port } = wss.address() as AddressInfo
  await t.rejects(load.request({ type: 'run', port, work: { ...ECHO, app: 'fan-out' } }, 'running', 10_000), {
    message: 'load: a ping was not answered by a pong',
  })
})

t.test('a payload whose length takes eight bytes', async (t) => {
  const load = await startLoad(t, { ...ECHO, payloadBytes: 70_000 }, (socket, message) => socket.send(message))
  await sampleUntil(load, ({ messages }) => messages > 20)
})

t.test('compressed echoes are inflated and compared', async (t) => {
  const answer = (socket: WebSocket, message: Buffer) => socket.send(message, { binary: false })
  const load = await startLoad(t, DEFLATE, answer, { perMessageDeflate: true })
  const { messages, wireBytes } = await sampleUntil(load, (sample) => sample.messages > 100)
  t.ok(wireBytes / messages < 600, `${wireBytes} bytes for ${messages} messages`)
})

t.test('a compressed echo of something else ends the measurement', async (t) => {
  const answer = (socket: WebSocket, message: Buffer, count: number) =>
    socket.send(count === 50 ? message.toString().replace('general', 'private') : message, { binary: false })
  const load = await startLoad(t, DEFLATE, answer, { perMessageDeflate: true })
  await t.rejects(sampleUntil(load, never), { message: 'load: a reply differs from the message sent' })
})

t.test('an echo that is not compressed ends the measurement', async (t) => {
  const answer = (socket: WebSocket, message: Buffer) => socket.send(message, { binary: false, compress: false })
  const load = await startLoad(t, DEFLATE, answer, { perMessageDeflate: true })
  await t.rejects(sampleUntil(load, never), { message: 'load: a reply is not a compressed text in one frame' })
})

t.test('a server that does not compress fails the run', async (t) => {
  await t.rejects(
    startLoad(t, DEFLATE, () => {}),
    { message: 'load: wrong Sec-WebSocket-Extensions' },
  )
})

t.test('a churn counts connections that were opened and closed in order', async (t) => {
  const load = await startLoad(t, { ...ECHO, load: 'churn' }, () => {})
  const sample = await sampleUntil(load, ({ messages }) => messages > 20)
  t.ok(sample.p50Us > 0)
})

t.test('a connection that ends without an answer to its close frame ends a churn', async (t) => {
  const load = await startLoad(t, { ...ECHO, load: 'churn' }, () => {}, {
    verifyClient: ({ req }, accept) => {
      accept(true)
      // Behind the 101.
      req.socket.end()
    },
  })
  await t.rejects(sampleUntil(load, never), { message: 'load: 0 answers to a close frame' })
})

t.test('paced messages leave on time, whether or not they are answered', async (t) => {
  const held: Array<() => void> = []
  const work: Work = { ...ECHO, load: 'paced', connections: 5, inFlight: 1 }
  const load = await startLoad(t, work, (socket, message) => {
    // Each connection has many messages under way before the first answer.
    held.push(() => socket.send(message))
    if (held.length === 30) for (const answer of held.splice(0)) answer()
  })
  const { messages, maxUs, p50Us } = await sampleUntil(load, (sample) => sample.messages >= 30)
  t.equal(messages % 30, 0)
  t.ok(maxUs >= p50Us && p50Us > 0)
})

t.test('an idle load has every connection answered once, and then holds them', async (t) => {
  const load = await startLoad(t, { ...ECHO, load: 'idle', connections: 60, inFlight: 1 }, (socket, message) =>
    socket.send(message),
  )
  t.equal((await sampleUntil(load, () => true)).messages, 60)
})

t.test('a mirror is compared with what was sent, mask and all', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (request: Buffer) => {
      const key = /Sec-WebSocket-Key: (.*)\r\n/.exec(request.toString())?.[1]
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
      socket.pipe(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const load = new Child<LoadCommand, LoadReply>('load', LOAD)
  t.teardown(async () => {
    await load.end()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  await load.request({ type: 'run', port, work: ECHO, mirror: true }, 'running', 10_000)
  await sampleUntil(load, ({ messages }) => messages > 100)
})
