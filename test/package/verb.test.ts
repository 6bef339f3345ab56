/** `shardws/verb` as a user gets it: without Express, and in TypeScript. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { installPackage, runInstalled } from '../fixtures/installed-package.ts'
import { typeCheck } from '../fixtures/type-check.ts'

const folder = mkdtempSync(join(tmpdir(), 'shardws-verb-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const { project } = installPackage(folder, ['ws', '@types/node', '@types/express'])

t.test('LC23: without Express it loads, serves WebSocket only, and says what HTTP needs', async (t) => {
  const script = `
    import { once } from 'node:events'
    import { createServer, ServerProtocol } from 'shardws/verb'
    import { WebSocket } from 'ws'
    try { createServer() } catch ({ code, message }) { console.log(code, message) }
    const app = createServer(ServerProtocol.WEBSOCKET)
    app.withOptions({ port: 0, host: '127.0.0.1', websocket: { shards: 1, message: (ws, message) => ws.send('Echo: ' + message) } })
    const { port } = await app.listen()
    const client = new WebSocket('ws://127.0.0.1:' + port)
    await once(client, 'open')
    client.send('hello')
    const [message] = await once(client, 'message')
    console.log(String(message))
    client.close()
    await once(client, 'close')
    await app.shutdown()`
  const stdout = await runInstalled(project, 'without-express.js', script)
  t.equal(stdout, 'EXPRESS_MISSING Express is not installed: npm install express\nEcho: hello\n')
})

/** As document 004 writes it, with the types that its JavaScript lacks. */
const AS_WRITTEN = `
import express, { Router } from 'express'
import { createServer, ServerProtocol, type VerbSocket, type VerbResponse } from 'shardws/verb'

const clients = new Set<VerbSocket>()
const app = createServer()
createServer(ServerProtocol.WEBSOCKET).listen(3000)
app.withOptions({
  port: 3000,
  websocket: {
    open: async (ws) => {
      const token = ws.data?.token || ws.protocol || ws.headers?.authorization?.replace('Bearer ', '')
      ws.user = { id: token }
      ws.authenticated = true
      ws.send('Welcome to WebSocket server!')
      ws.close(1008, 'Authentication failed')
    },
    message: (ws, message) => {
      if (!ws.authenticated) return
      if (message instanceof Buffer) ws.send(message.subarray(1))
      else ws.send(\`Echo: \${message}\`)
    },
    close: (ws, code, reason) => {
      console.log(\`Client disconnected: \${code} - \${reason}\`)
    },
    error: (ws, error) => console.error('WebSocket error:', error),
    ping: (ws, data) => console.log(data.length),
    pong: (ws, data) => console.log(data.length),
    drain: (ws) => console.log(ws.bufferedAmount),
    maxCompressedSize: 64 * 1024 * 1024,
    maxBackpressure: 64 * 1024 * 1024,
    closeOnBackpressureLimit: false,
    compression: 'shared',
    maxPayloadLength: 16 * 1024 * 1024,
    idleTimeout: 120,
    maxLifetime: 0,
  },
})
app.use(express.json(), express.static('public'))
app.use('/api', Router())
app.get('/chat', (req, res) => {
  if (req.headers.upgrade === 'websocket') {
    const ws = res.upgrade()
    clients.add(ws)
    ws.on('message', (message) => {
      for (const client of clients) if (client !== ws && client.readyState === 1) client.send(message)
      app.broadcast(message, { except: ws })
    })
    ws.on('ping', () => {})
    ws.on('close', (code, reason) => console.log(code, reason.length))
    ws.ping('health-check')
  } else {
    res.sendFile('./public/chat.html')
  }
})
app.get('/notifications', (req, res) => {
  if (req.headers.upgrade === 'websocket') console.log(req.query.userId, res.upgrade<{ n: number }>({ data: { n: 1 } }).data.n)
  else res.status(400).json({ error: 'WebSocket upgrade required' })
})
app.post('/api/notify/:userId', (req, res) => {
  console.log(req.params.userId, req.body)
  res.json({ success: true })
})
app.get('/', (req, res: VerbResponse) => {
  res.html('<!DOCTYPE html>')
})
app.listen(3000)
const { total, active, rejected } = app.getStats()
console.log(total + active + rejected)
`

const MISTAKES = `
import { createServer } from 'shardws/verb'
createServer().withOptions({ websocket: { idleTimeOut: 1 } })
createServer().get('/', (req, res) => { res.upgrade().on('open', () => {}) })
createServer().withOptions({ websocket: { message: (ws, message) => ws.sned(message) } })
`

t.test('FV01 FV05: what the document writes compiles in TypeScript, and mistakes do not', async (t) => {
  const stdout = await typeCheck(project, { 'as-written.ts': AS_WRITTEN, 'mistakes.ts': MISTAKES })
  const errors: string[] = stdout.split('\n').filter((line: string) => /^\S/.test(line))
  t.match(errors, [/^mistakes\.ts\(3,.*idleTimeOut/, /^mistakes\.ts\(4,/, /^mistakes\.ts\(5,/])
  t.equal(errors.length, 3, errors.join('\n'))
})
