import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocketServer } from 'ws'
import { acceptKey } from '../../src/shared/protocol/handshake.ts'
import { runCommand, startCommand, startServe } from '../fixtures/command-process.ts'

/** A server that answers upgrade requests as it is told. */
async function answering(t: Test, answer: (request: IncomingMessage, socket: Socket) => void): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(404).end())
  server.on('upgrade', (request, socket) => {
    socket.on('error', () => {})
    answer(request, socket as Socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

function accepted({ headers }: IncomingMessage, ...fields: string[]): string {
  const accept = acceptKey(headers['sec-websocket-key'] ?? '')
  const lines = ['HTTP/1.1 101 OK', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`]
  return `${[...lines, ...fields].join('\r\n')}\r\n\r\n`
}

t.test('a pipe: lines go, messages come, and 0 after the end of the input', async (t) => {
  const { url } = await startServe(t)
  const { exit, stdout, stderr } = await runCommand(t, ['connect', url, '--wait', '0'], {
    input: 'one\nzwei ✓\n\n//three\nno end of line',
  })
  t.equal(exit, 0)
  t.equal(stdout, 'one\nzwei ✓\n\n/three\nno end of line\n')
  t.equal(stderr, `connected to ${url}\nclosed with 1000\n`)
})

t.test('/ping, /close and what is no command', async (t) => {
  const { url } = await startServe(t)
  const connect = startCommand(t, ['connect', url])
  connect.type('/ping are you there\n')
  await connect.printed(/^pong after [\d.]+ ms$/m, 'stderr')
  connect.type('/help\n')
  await connect.printed(/no command \/help: there are \/ping and \/close, and \/\/help sends it as it is/)
  connect.type(`/ping ${'x'.repeat(126)}\n`)
  await connect.printed(/\/ping: data must be at most 125 bytes/)
  connect.type('/close 1005\n')
  await connect.printed(/\/close: code must be/)
  connect.type('/close 4001 see you\n')
  await connect.printed(/^closed with 4001/m)
  t.equal(await connect.ended, 0)
  t.equal(connect.stdout, '')
})

t.test('--raw sends commands, --ping pings by itself', async (t) => {
  const { url } = await startServe(t)
  const raw = await runCommand(t, ['connect', url, '--raw', '--wait', '0'], { input: '/close\n' })
  t.equal(raw.stdout, '/close\n')
  const pinging = startCommand(t, ['connect', url, '--ping', '0.1'])
  await pinging.printed(/(pong after [\d.]+ ms\n){2}/)
  pinging.endInput()
  t.equal(await pinging.ended, 0, 'a second after the end of the input')
})

t.test('binary messages are shown as digits, pings are answered, and the close code is told', async (t) => {
  const url = await answering(t, (request, socket) => {
    socket.write(accepted(request))
    socket.write(Buffer.from([0x89, 1, 0x70, 0x82, 3, 0x00, 0xff, 0x41, 0x82, 40, ...Buffer.alloc(40, 0x61)]))
    // Whatever arrives is the pong: opcode 0xa, masked, one byte.
    socket.once('data', (bytes) => {
      if (bytes[0] === 0x8a && bytes[1] === 0x81) socket.end(Buffer.from([0x88, 6, 0x0f, 0xa1, ...Buffer.from('over')]))
    })
  })
  const connect = startCommand(t, ['connect', url])
  t.equal(await connect.ended, 1, 'not a code that says that all is well')
  t.equal(
    connect.stdout,
    `binary, 3 bytes: 00 ff 41  ..A\nbinary, 40 bytes: ${'61 '.repeat(32)}…  ${'a'.repeat(32)} …\n`,
  )
  t.match(connect.stderr, /^closed with 4001 over$/m)
})

t.test('more input than a server that does not read can take waits, and is not lost', async (t) => {
  const lines = 200
  let connect: ReturnType<typeof startCommand> | undefined
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  t.teardown(() => server.close())
  let received = 0
  server.on('connection', (socket) => {
    socket.pause()
    socket.on('message', () => {
      received += 1
      if (received === lines) socket.close(1000, 'all')
    })
    // Far more than the kernel and the command keep is on its way.
    connect?.type(`${'x'.repeat(65_536)}\n`.repeat(lines))
    setTimeout(() => socket.resume(), 300)
  })
  await once(server, 'listening')
  connect = startCommand(t, ['connect', `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`])
  t.equal(await connect.ended, 0)
  t.match(connect.stderr, /^closed with 1000 all$/m)
})

t.test('subprotocols and header fields reach the server', async (t) => {
  let seen: IncomingMessage['headers'] = {}
  const url = await answering(t, (request, socket) => {
    seen = request.headers
    socket.end(`${accepted(request, 'Sec-WebSocket-Protocol: b')}\x88\x00`, 'latin1')
  })
  const args = ['--protocol', 'a,b', '--protocol', 'c', '--header', 'X-One: 1', '--header', 'Origin:https://a.b']
  const { exit, stderr } = await runCommand(t, ['connect', url, ...args])
  t.equal(exit, 0)
  t.match(stderr, `connected to ${url} as b\nclosed with 1005\n`)
  t.match(seen, { 'sec-websocket-protocol': 'a, b, c', 'x-one': '1', origin: 'https://a.b' })
})

for (const [name, answer, message] of [
  [
    'a refusal',
    () => 'HTTP/1.1 503 Busy\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nlater',
    /refused with 503 Busy: later/,
  ],
  [
    'a redirect',
    () => 'HTTP/1.1 302 Found\r\nLocation: ws://b/\r\nContent-Length: 0\r\n\r\n',
    /refused with 302 Found, see ws:\/\/b\//,
  ],
  [
    'a wrong answer to the key',
    (request) => accepted(request).replace(/(Accept: )./, '$1*'),
    /does not answer the key/,
  ],
  [
    'an extension nobody offered',
    (request) => accepted(request, 'Sec-WebSocket-Extensions: x'),
    /extension that was not offered/,
  ],
  [
    'a subprotocol nobody offered',
    (request) => accepted(request, 'Sec-WebSocket-Protocol: x'),
    /nobody offered the subprotocol 'x'/,
  ],
  [
    'another protocol',
    (request) => accepted(request).replace('Upgrade: websocket', 'Upgrade: h2c'),
    /upgrades to 'h2c'/,
  ],
  ['a 101 without an upgrade', () => 'HTTP/1.1 101 OK\r\n\r\n', /upgrades to nothing/],
] as readonly (readonly [string, (request: IncomingMessage) => string, RegExp])[]) {
  t.test(`one line and 1 for ${name}`, async (t) => {
    const url = await answering(t, (request, socket) => socket.write(answer(request)))
    const { exit, stdout, stderr } = await runCommand(t, ['connect', url])
    t.same([exit, stdout], [1, ''])
    t.match(stderr, /^shardws: [^\n]+\n$/)
    t.match(stderr, message)
  })
}

for (const [name, frames, message] of [
  ['a masked frame', [0x81, 0x80, 0, 0, 0, 0], /server frames must not be masked/],
  ['a reserved bit', [0xc1, 0], /reserved bits must be 0/],
  ['a text that is none', [0x81, 1, 0xff], /not valid UTF-8/],
  ['a connection that just ends', [], /^closed with 1006$/m],
] as readonly (readonly [string, number[], RegExp])[]) {
  t.test(`1006 and 1 for ${name}`, async (t) => {
    const url = await answering(t, (request, socket) => {
      socket.write(accepted(request))
      socket.write(Buffer.from(frames))
      socket.end()
    })
    const connect = startCommand(t, ['connect', url])
    t.equal(await connect.ended, 1)
    t.match(connect.stderr, /^closed with 1006/m)
    t.match(connect.stderr, message)
  })
}

t.test('a server that is away, or silent, or speaks no HTTP', async (t) => {
  const tcp = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end('SSH-2.0-x\r\n'))
  })
  await once(tcp.listen(0, '127.0.0.1'), 'listening')
  const { port } = tcp.address() as AddressInfo
  t.match(await runCommand(t, ['connect', `ws://127.0.0.1:${port}`]), { exit: 1, stderr: /^shardws: [^\n]+\n$/ })
  t.match(await runCommand(t, ['connect', `wss://127.0.0.1:${port}`]), { exit: 1, stderr: /no TLS there/ })
  tcp.close()
  await once(tcp, 'close')
  const away = await runCommand(t, ['connect', `ws://127.0.0.1:${port}`])
  t.same(away, {
    exit: 1,
    stdout: '',
    stderr: 'shardws: nobody listens there; is the server running? (ECONNREFUSED)\n',
  })
  const silent = await answering(t, () => {})
  t.match(await runCommand(t, ['connect', silent, '--timeout', '0.2']), {
    exit: 1,
    stderr: 'shardws: no answer to the opening handshake within 0.2 s\n',
  })
})

t.test('Ctrl-C closes with 1000 and leaves nothing', async (t) => {
  const { url, serve } = await startServe(t)
  const connect = startCommand(t, ['connect', url])
  await connect.printed(/connected/)
  connect.signal('SIGINT')
  t.equal(await connect.ended, 0)
  t.match(connect.stderr, /^closed with 1000$/m)
  serve.signal('SIGINT')
  t.equal(await serve.ended, 0)
})
