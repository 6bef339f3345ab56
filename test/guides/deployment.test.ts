/** docs/guides/deployment.md: its server from start to SIGTERM, and the numbers of its files, which depend on each other. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { resolveOptions } from '../../src/main/resolve-options.ts'
import { codeBlocks, namedBlocks } from '../fixtures/code-blocks.ts'
import { type RunningExample, startExampleIn } from '../fixtures/documented-example.ts'
import { Guide } from '../fixtures/guide.ts'
import { MessageClient } from '../fixtures/message-client.ts'
import { DIST } from '../fixtures/repository.ts'

const guide = new Guide('deployment')
const FILES = namedBlocks(guide.text, 'nginx|ini|dockerfile|yaml')

async function start(t: Test, edit = (code: string) => code): Promise<RunningExample> {
  const folder = mkdtempSync(fileURLToPath(new URL('example-', DIST)))
  t.teardown(() => rmSync(folder, { recursive: true }))
  for (const [name, code] of Object.entries(guide.files)) writeFileSync(join(folder, name), edit(code))
  return startExampleIn(t, folder, 'server.js')
}

const client = (port: number, headers: Record<string, string> = {}): Promise<MessageClient> =>
  MessageClient.connect(`ws://127.0.0.1:${port}/ws`, [], { origin: 'https://chat.example.org', headers })

t.test('every file has a name', async (t) => {
  t.same(Object.keys(guide.files), ['server.js', 'chat.handler.js'])
  t.same(Object.keys(FILES), ['nginx.conf', 'chat.service', 'image.dockerfile', 'chat.yaml'])
})

t.test('the server, its probes, and its end by SIGTERM', async (t) => {
  const drain = 'drainMs: 20_000'
  t.ok(guide.files['server.js']!.includes(drain))
  // The order of things is the same when it takes less time.
  const server = await start(t, (code) => code.replace(drain, 'drainMs: 500'))
  const [ws, internal] = [await server.portOf(8080), await server.portOf(9090)]
  const ask = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:${internal}${path}`)).status
  t.same([await ask('/readyz'), await ask('/livez'), await ask('/nothing')], [200, 200, 404])
  const metrics = await (await fetch(`http://127.0.0.1:${internal}/metrics`)).text()
  t.match(metrics, /^websocket_connections_active 0$/m)
  t.equal((await fetch(`http://127.0.0.1:${ws}/ws`)).status, 404, 'without an upgrade')

  const ann = await client(ws, { 'X-Forwarded-For': '192.0.2.7' })
  t.equal(await ann.nextText(), 'welcome, 192.0.2.7', 'the proxy is believed')
  await t.rejects(MessageClient.connect(`ws://127.0.0.1:${ws}/ws`, [], { origin: 'https://evil.example' }), {
    message: /403/,
  })

  // It does not hear of its close, so the server waits for it until it does.
  const bob = await client(ws)
  bob.socket.pause()
  server.kill('SIGTERM')
  while ((await ask('/readyz')) !== 503);
  t.equal(await ask('/livez'), 200, 'it lives while it drains')
  await t.rejects(client(ws), { message: /503/ })
  t.same(await ann.closed, { code: 1012, reason: 'restart' })
  bob.socket.resume()
  t.match(await bob.closed, { code: 1012 })
  t.equal(await server.ended, 0)
  t.match(JSON.parse(server.output()), { connections: 2, closed: 2, terminated: 0, unsentBytes: 0, zombies: 0 })
})

t.test('the numbers of the files fit together', async (t) => {
  const numberIn = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1]?.replaceAll('_', ''))
  const { 'nginx.conf': nginx, 'chat.service': service, 'chat.yaml': yaml } = FILES as Record<string, string>
  const code = guide.files['server.js'] as string
  const deadlineSeconds = numberIn(code, /deadlineMs: ([\d_]+)/) / 1000
  const preStopSeconds = numberIn(yaml!, /command: \["sleep", "(\d+)"\]/)
  t.ok(numberIn(code, /drainMs: ([\d_]+)/) / 1000 < deadlineSeconds)
  t.ok(
    numberIn(yaml!, /terminationGracePeriodSeconds: (\d+)/) >= preStopSeconds + deadlineSeconds + 5,
    'Kubernetes waits',
  )
  t.ok(numberIn(service!, /TimeoutStopSec=(\d+)/) >= deadlineSeconds + 5, 'systemd waits')

  const { pingIntervalMs } = resolveOptions().shard
  for (const timeout of [/proxy_read_timeout (\d+)s/, /proxy_send_timeout (\d+)s/]) {
    t.ok(numberIn(nginx!, timeout) * 1000 > 2 * pingIntervalMs, String(timeout))
  }
  t.ok(numberIn(yaml!, /proxy-read-timeout: "(\d+)"/) * 1000 > 2 * pingIntervalMs)

  const connections = numberIn(code, /maxConnections: ([\d_]+)/)
  t.ok(numberIn(service!, /LimitNOFILE=(\d+)/) >= connections + 256)
  for (const port of [8080, 9090]) {
    t.match(code, `.listen(${port})`)
    t.match(yaml, `containerPort: ${port}`)
    t.match(FILES['image.dockerfile'], new RegExp(`EXPOSE.*${port}`))
  }
  t.match(nginx, 'server 127.0.0.1:8080;')
  for (const path of [...yaml!.matchAll(/httpGet: \{ path: (\S+),/g)].map(([, path]) => path)) {
    t.match(code, `'${path}': healthHandler`)
  }
  t.match(code, "path: '/ws'")
  for (const text of [nginx, yaml]) t.match(text, /(location =|path:) \/ws\b/)
  const [ask] = codeBlocks(guide.text, 'sh')
  t.match(ask, "Origin: https://chat.example.org' https://chat.example.org/ws")
})
