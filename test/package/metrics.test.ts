/** `shardws/metrics` as a user gets it: without prom-client, and in TypeScript. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { installPackage, runInstalled } from '../fixtures/installed-package.ts'
import { typeCheck } from '../fixtures/type-check.ts'

const folder = mkdtempSync(join(tmpdir(), 'shardws-metrics-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const { project } = installPackage(folder, ['@types/node'])

t.test('without prom-client health is told, and metrics say what to install', async (t) => {
  const script = `
    import { once } from 'node:events'
    import { createServer } from 'node:http'
    import { WebSocketServer } from 'shardws'
    import { healthHandler, metricsHandler } from 'shardws/metrics'
    const server = new WebSocketServer({ shards: 0 })
    try { metricsHandler(server) } catch ({ code, message }) { console.log(code, message) }
    const http = createServer(healthHandler(server, { probe: 'live' }))
    await once(http.listen(0, '127.0.0.1'), 'listening')
    const response = await fetch('http://127.0.0.1:' + http.address().port, { headers: { connection: 'close' } })
    console.log(response.status, (await response.json()).websocket.activeConnections)
    http.close()
    await server.shutdown()`
  const stdout = await runInstalled(project, 'without.js', script)
  t.equal(stdout, 'PROM_CLIENT_MISSING prom-client is not installed: npm install prom-client\n200 0\n')
})

t.test('the types need no prom-client, and know every server of the package', async (t) => {
  const source = `import { createServer } from 'node:http'
    import { WebSocketServer } from 'shardws'
    import { healthHandler, metricsHandler, type HttpHandler } from 'shardws/metrics'
    const [chat, game] = [new WebSocketServer<{ name: string }>(), new WebSocketServer()]
    const handler: HttpHandler = metricsHandler({ chat, game }, { registries: [{ metrics: async () => '' }] })
    createServer(handler).on('request', healthHandler(chat, { probe: 'live' }))\n`
  t.equal(await typeCheck(project, { 'right.ts': source }), '')
})
