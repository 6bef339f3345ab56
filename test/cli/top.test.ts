import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { Output, type OutputStream } from '../../src/cli/terminal.ts'
import { parseExposition } from '../../src/cli/top/exposition.ts'
import { readServers, type ServerReading } from '../../src/cli/top/reading.ts'
import { Screen } from '../../src/cli/top/screen.ts'
import { formatServer } from '../../src/cli/top/table.ts'
import { runCommand, startCommand, startServe } from '../fixtures/command-process.ts'
import { MessageClient } from '../fixtures/message-client.ts'

async function answering(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
}

const PLAIN = new Output({ write: () => {} }, {})

/** The part of an exposition that matters, two shards of one server. */
function exposition(received: readonly [number, number], more = ''): string {
  return `# HELP shardws_uptime_seconds Since the server was made.
shardws_uptime_seconds ${received[0]}
shardws_ready 1
shardws_capacity 10000
shardws_main_lag_seconds 0.0012
websocket_connections_active 1234
websocket_rooms_total 3
websocket_messages_received_total ${received[0] + received[1]}
websocket_messages_sent_total 0
shardws_rejected_total{reason="OVER_CAPACITY"} ${received[1]}
shardws_rejected_total{reason="BAD_REQUEST"} 0
shardws_shard_connections{shard="10"} 1000
shardws_shard_connections{shard="2"} 234
shardws_shard_messages_received_total{shard="10"} ${received[0]}
shardws_shard_messages_received_total{shard="2"} ${received[1]}
shardws_shard_heap_bytes{shard="2"} 1048576
shardws_shard_loop_delay_seconds{shard="2"} 0.5
shardws_shard_memory_pressure_ratio{shard="2"} 0.25
${more}`
}

/** As if it had been read at this time. */
function readAt(atMs: number, text: string): ServerReading {
  const [server] = readServers(parseExposition(text))
  if (server === undefined) throw new Error('no server')
  return { ...server, atMs }
}

t.test('serve, connect, bench and top together', async (t) => {
  const { serve, url } = await startServe(t, ['--metrics=/figures'])
  const [metrics] = await serve.printed(/http:\S+\/figures/)
  const client = await MessageClient.connect(url)
  t.teardown(() => client.socket.terminate())
  const bench = startCommand(t, ['bench', url, '--connections', '5', '--rate', '100', '--seconds', '600'])
  // What is sent between the two looks of top is seen as a rate.
  while (/^websocket_messages_received_total 0$/m.test(await (await fetch(metrics)).text())) {}
  const { exit, stdout, stderr } = await runCommand(t, ['top', metrics, '--once', '--interval', '1'])
  t.same([exit, stderr], [0, ''])
  t.match(stdout, new RegExp(`^${metrics}\n\nready  up \\d+ s  \\d+ of [\\d,]+ connections  0 rooms  [1-9]\\d* in/s  `))
  t.match(stdout, /^shard {2}connections .* memory$/m)
  t.match(stdout, /^ {4}0 {2} +\d+ {2} +[1-9]\d* {2}/m)
  bench.signal('SIGINT')
  t.equal(await bench.ended, 0)
  t.match(await runCommand(t, ['connect', url, '--wait', '0'], { input: 'x\n' }), { exit: 0, stdout: 'x\n' })
  t.match(await runCommand(t, ['top', metrics, '--interval', '0.1']), { exit: 0 }, 'no terminal: one table')
})

t.test('one line and 1 for an endpoint that is none', async (t) => {
  const status = async (answer: (response: ServerResponse) => void): Promise<[number | string, string]> => {
    const url = await answering(t, (_request, response) => answer(response))
    const { exit, stdout, stderr } = await runCommand(t, ['top', url, '--once', '--timeout', '0.3'])
    t.equal(stdout, '')
    t.match(stderr, /^shardws: [^\n]+\n$/)
    return [exit, stderr]
  }
  t.match(await status((response) => response.end('other_metric 1\n')), [1, /has no metrics of shardws/])
  t.match(await status((response) => response.writeHead(401).end()), [1, /answered 401 Unauthorized/])
  t.match(await status(() => {}), [1, /did not answer within 0\.3 s/])
  t.match(await runCommand(t, ['top', 'http://127.0.0.1:1/metrics']), { exit: 1, stderr: /nobody listens there/ })
  t.match(await runCommand(t, ['top', 'ws://a']), { exit: 2, stderr: /did you mean http:\/\/a\?/ })
})

t.test('header fields reach the endpoint', async (t) => {
  const url = await answering(t, ({ headers }, response) => {
    response.writeHead(headers.authorization === 'Bearer 1' ? 200 : 403).end(exposition([1, 1]))
  })
  const args = ['top', url, '--once', '--interval', '0.1']
  t.match(await runCommand(t, args), { exit: 1, stderr: /answered 403/ })
  t.match(await runCommand(t, [...args, '--header', 'Authorization: Bearer 1']), { exit: 0 })
})

t.test('lanes in the order of their numbers, with rates, and what has gone wrong since', async (t) => {
  const [before, now] = [readAt(0, exposition([100, 0])), readAt(2000, exposition([300, 5000]))]
  t.same(formatServer(before, now, PLAIN), [
    'ready  up 5 min 0 s  1,234 of 10,000 connections  3 rooms  2,600 in/s  0 out/s  main 1.20 ms late',
    '',
    'shard  connections   in/s  out/s  queued  busy    late     heap  buffers  memory',
    '    2          234  2,500      0     0 B     –  500 ms  1.0 MiB      0 B  25.0 %',
    '   10        1,000    100      0     0 B     –       –      0 B      0 B   0.0 %',
    '',
    'handshakes refused 5,000 (+5,000)',
  ])
})

t.test('a server or a shard that was started anew has no rate yet', async (t) => {
  const [before, now] = [readAt(0, exposition([100, 50])), readAt(2000, exposition([200, 10]))]
  const lines = formatServer(before, now, PLAIN)
  t.match(lines[3], /^ {4}2 +234 +– +– +0 B /, 'its count has fallen')
  t.match(lines[4], /^ {3}10 +1,000 +50 /)
  const restarted = formatServer(now, readAt(4000, exposition([1, 20])), PLAIN)
  t.match(restarted[0], /up 1 s .* – in\/s {2}– out\/s/)
  t.match(restarted.at(-1), /^handshakes refused 20$/, 'nothing is said about since when')
})

t.test('several servers, and labels with anything in them', async (t) => {
  const text = `shardws_uptime_seconds{server="a \\"b\\"\\n\\\\"} 5\nshardws_uptime_seconds{server="c"} 6 1700000000000\nnonsense\n`
  t.same(
    readServers(parseExposition(text)).map(({ name, uptimeSeconds }) => [name, uptimeSeconds]),
    [
      ['a "b"\n\\', 5],
      ['c', 6],
    ],
  )
  t.same(readServers(parseExposition('')), [])
})

t.test('what deserves a look is coloured on a terminal', async (t) => {
  const stream: OutputStream = { isTTY: true, write: () => {} }
  const lines = formatServer(undefined, readAt(0, exposition([1, 1])), new Output(stream, {}))
  t.ok(lines[3]?.startsWith('\x1b[33m    2 '), 'half a second late')
  t.ok(lines[4]?.startsWith('   10 '))
})

t.test('the screen: keys, what does not fit, and the terminal as it was', async (t) => {
  const modes: boolean[] = []
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (isRaw: boolean) => modes.push(isRaw) })
  let written = ''
  const stream: OutputStream = { isTTY: true, rows: 3, write: (text) => (written += text) }
  const out = new Output(stream, {})
  let quits = 0
  const screen = new Screen({ out, err: out, input: input as unknown as NodeJS.ReadStream }, () => quits++)
  screen.show(['one', 'two', 'three'])
  t.match(written, 'one\x1b[K\ntwo\x1b[K\n\x1b[J')
  t.notMatch(written, 'three')
  for (const [key, expected] of [
    ['x', 0],
    ['q', 1],
    ['\x03', 2],
  ] as const) {
    input.write(key)
    await new Promise(setImmediate)
    t.equal(quits, expected)
  }
  screen.leave()
  t.same(modes, [true, false])
  t.ok(written.endsWith('\x1b[?1049l'))
})
