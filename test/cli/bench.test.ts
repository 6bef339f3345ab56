import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { type WebSocket, WebSocketServer } from 'ws'
import { BENCH_OPTIONS, planLoad } from '../../src/cli/bench/bench-options.ts'
import { chart } from '../../src/cli/bench/chart.ts'
import { Latencies } from '../../src/cli/bench/latencies.ts'
import { partOf } from '../../src/cli/bench/load-plan.ts'
import type { Summary } from '../../src/cli/bench/summary.ts'
import { parseCommandLine } from '../../src/cli/command-line.ts'
import { runCommand, startCommand, startServe } from '../fixtures/command-process.ts'

/** A server that does this with every connection. */
async function serving(t: Test, serve: (socket: WebSocket) => void): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    serve(socket)
  })
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

const echo = (socket: WebSocket): unknown =>
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))

async function bench(t: Test, args: readonly string[]): Promise<{ exit: number | string; summary: Summary }> {
  const { exit, stdout, stderr } = await runCommand(t, ['bench', '--json', ...args])
  if (stdout === '') throw new Error(stderr)
  t.equal(stderr, '')
  return { exit, summary: JSON.parse(stdout) as Summary }
}

t.test('as many echoes as asked for, over several threads, verified', async (t) => {
  const { url } = await startServe(t)
  for (const kind of [[], ['--text']]) {
    const args = [
      url,
      '--connections',
      '7',
      '--messages',
      '500',
      '--in-flight',
      '3',
      '--threads',
      '2',
      '--size',
      '1000',
    ]
    const { exit, summary } = await bench(t, [...args, ...kind])
    t.equal(exit, 0)
    t.match(summary, {
      url,
      connections: { asked: 7, opened: 7 },
      messages: { sent: 500, verified: 500, unanswered: 0, overdue: 0 },
      errors: {},
      threads: 2,
    })
    const { p50, p99, max } = summary.latencyMs
    t.ok(p50 > 0 && p50 <= p99 && p99 <= max)
  }
})

t.test('the report for people: figures, a chart, and where it was measured', async (t) => {
  const { url } = await startServe(t)
  const { exit, stdout, stderr } = await runCommand(t, ['bench', url, '--connections', '2', '--messages', '100'])
  t.same([exit, stderr], [0, ''])
  t.match(stdout, /^ws:\S+: 2 connections, 1 in flight, 64 bytes, 1 thread, [\d.]+ s\n/)
  t.match(stdout, /^ {2}messages {4}100 sent, 100 came back and were compared$/m)
  t.match(stdout, /^ {2}latency .* p50 .* p90 .* p99 .* p99\.9 .* max .* m?s$/m)
  t.match(stdout, /^ {2}errors {6}none$/m)
  t.match(stdout, /^ +< [\d.]+ ms {2}[█▏▎▍▌▋▊▉]+ +[\d.]+ % +\d+$/m)
  t.match(stdout, /^Measured from this machine: /m)
  t.notMatch(stdout, '\x1b')
})

t.test('a rate is kept, and a server that stalls is not spared', async (t) => {
  let held: (() => void)[] | null = []
  const url = await serving(t, (socket) => {
    socket.on('message', (message, isBinary) => {
      const answer = (): void => socket.send(message, { binary: isBinary })
      if (held === null) return answer()
      held.push(answer)
      // It stands still until the load has owed more than may be in flight for a while.
      if (held.length > 1) return
      setTimeout(() => {
        for (const each of held ?? []) each()
        held = null
      }, 300)
    })
  })
  const args = [url, '--connections', '1', '--rate', '200', '--in-flight', '2', '--messages', '100']
  const { exit, summary } = await bench(t, args)
  t.equal(exit, 0)
  t.equal(summary.messages.verified, 100)
  t.ok(summary.elapsedMs >= 99 * 5, 'not faster than asked for')
  // Two in flight have waited; by the clock of the rate dozens have.
  t.ok(summary.latencyMs.p50 > 20, `p50 ${summary.latencyMs.p50} ms counts from when messages were due`)
})

for (const [name, serve, kind] of [
  [
    'another message',
    (socket) => socket.on('message', () => socket.send(Buffer.alloc(64))),
    /differs from the message/,
  ],
  [
    'text for binary',
    (socket) => socket.on('message', (message) => socket.send(String(message))),
    /text echo of a binary/,
  ],
  [
    'a greeting',
    (socket) => socket.send('welcome'),
    /^(a message that is no echo|text echo of a binary message.*); if the server greets, --skip 1 ignores that$/,
  ],
  ['a close', (socket) => socket.on('message', () => socket.close(1008, 'too much')), /^closed with 1008 too much$/],
  ['a doubled echo', (socket) => socket.on('message', (m) => [0, 0].map(() => socket.send(m))), /no echo|differs/],
] as readonly (readonly [string, (socket: WebSocket) => void, RegExp])[]) {
  t.test(`errors by kind and 1 for ${name}`, async (t) => {
    const { exit, summary } = await bench(t, [await serving(t, serve), '--connections', '3', '--messages', '60'])
    t.equal(exit, 1)
    for (const each of Object.keys(summary.errors)) t.match(each, kind)
    const times = Object.values(summary.errors).reduce((sum, each) => sum + each, 0)
    t.equal(times, 3, 'once for each connection')
  })
}

t.test('--skip ignores a greeting; a server that falls silent is given up', async (t) => {
  const greeting = await serving(t, (socket) => {
    socket.send('welcome')
    echo(socket)
  })
  t.match(await bench(t, [greeting, '--skip', '1', '--messages', '20', '--connections', '2']), { exit: 0 })
  const silent = await serving(t, () => {})
  const { exit, summary } = await bench(t, [silent, '--connections', '2', '--in-flight', '4', '--patience', '0.2'])
  t.equal(exit, 1)
  t.match(summary.messages, { sent: 8, verified: 0, unanswered: 8 })
})

t.test('one line and 1 where nobody listens', async (t) => {
  t.same(await runCommand(t, ['bench', 'ws://127.0.0.1:1/']), {
    exit: 1,
    stdout: '',
    stderr: 'shardws: no connection could be opened: nobody listens there; is the server running? (ECONNREFUSED)\n',
  })
})

t.test('Ctrl-C ends it early, prints what was measured and leaves no connection', async (t) => {
  let open = 0
  let onEcho = (): void => {}
  const echoed = new Promise<void>((resolve) => (onEcho = resolve))
  let onGone = (): void => {}
  const gone = new Promise<void>((resolve) => (onGone = resolve))
  const url = await serving(t, (socket) => {
    open += 1
    echo(socket)
    socket.once('message', onEcho)
    socket.once('close', () => {
      open -= 1
      if (open === 0) onGone()
    })
  })
  const command = startCommand(t, ['bench', url, '--connections', '4', '--seconds', '600'])
  await echoed
  command.signal('SIGINT')
  t.equal(await command.ended, 0)
  t.match(command.stdout, /4 connections.* s, interrupted\n/)
  await gone
})

t.test('what may be under way at once is bounded', async (t) => {
  const plan = (...args: string[]) => planLoad(parseCommandLine(args, BENCH_OPTIONS).values, ['ws://a/'])
  t.equal(plan('--connections', '1000', '--in-flight', '1000').inFlight, 1000)
  t.throws(() => plan('--connections', '1000', '--in-flight', '1001'), { exitCode: 2, message: /at most 1000000/ })
  t.equal(plan('--connections', '64', '--size', '16777216').size, 16_777_216)
  t.throws(() => plan('--connections', '65', '--size', '16777216'), { exitCode: 2, message: /1 GiB/ })
  t.match([plan().durationMs, plan('--messages', '5').durationMs, plan('--rate', '9').inFlight], [10_000, null, 100])
})

t.test('the parts of the threads are the whole', async (t) => {
  const plan = planLoad(parseCommandLine(['--rate', '100'], BENCH_OPTIONS).values, ['ws://a/'])
  const whole = { ...plan, connections: 10, messages: 101 }
  const parts = [0, 1, 2].map((index) => partOf(whole, index, 3))
  const total = (of: 'connections' | 'messages' | 'rate'): number =>
    parts.reduce((sum, part) => sum + (part[of] ?? 0), 0)
  t.same([total('connections'), total('messages'), Math.round(total('rate'))], [10, 101, 100])
})

t.test('percentiles are right to 1.6 %, whatever the size and however they were added up', async (t) => {
  const [all, odd] = [new Latencies(), new Latencies()]
  for (let us = 1; us <= 200_000; us += 1) (us % 2 === 0 ? all : odd).record(us)
  all.add(odd.counts())
  t.equal(all.count, 200_000)
  t.equal(all.maxUs, 200_000)
  t.equal(all.meanUs, 100_000.5)
  for (const share of [0.0001, 0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = share * 200_000
    const got = all.percentileUs(share)
    t.ok(got >= exact && got <= exact * 1.016 + 1, `${share}: ${got} for ${exact}`)
  }
  const extremes = new Latencies()
  for (const us of [0, 0.4, 2 ** 40]) extremes.record(us)
  t.equal(extremes.percentileUs(1), 2 ** 31 + 0, 'as much as there are buckets for')
  t.equal(new Latencies().percentileUs(0.5), 0)
})

t.test('the chart has a row for every step between the first and the last', async (t) => {
  const latencies = new Latencies()
  for (const us of [150, 150, 1500]) latencies.record(us)
  t.same(chart(latencies), [
    `  < 0.2 ms  ${'█'.repeat(40)}   66.7 %  2`,
    `  < 0.5 ms  ${' '.repeat(40)}    0.0 %  0`,
    `    < 1 ms  ${' '.repeat(40)}    0.0 %  0`,
    `    < 2 ms  ${'█'.repeat(20)}${' '.repeat(20)}   33.3 %  1`,
  ])
})
