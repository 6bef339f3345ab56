/** One plugin on the real applications of other frameworks, which listen before or after it is installed. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import t from 'tap'
import { hasWebSocketSupport, withWebSocket } from '../../../src/facades/nextrush.ts'
import { CERTIFICATE } from '../../fixtures/certificate.ts'
import { MessageClient } from '../../fixtures/message-client.ts'
import { Clients, testPlugin } from '../../fixtures/nextrush-app.ts'

interface Framework {
  readonly app: object
  /** Answers `GET /page` with 'page', everything else with 404. Resolves with the port. */
  listen(): Promise<number>
  close(): Promise<unknown>
}

async function listening(server: Server): Promise<number> {
  if (!server.listening) await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function closed(server: Server | undefined): Promise<void> {
  if (server === undefined || !server.listening) return
  server.closeIdleConnections()
  await once(server.close(), 'close')
}

const FRAMEWORKS: Readonly<Record<string, () => Framework>> = {
  'http.Server': () => {
    const app = createServer((request, response) => {
      response.writeHead(request.url === '/page' ? 200 : 404).end('page')
    })
    return { app, listen: () => listening(app.listen(0, '127.0.0.1')), close: () => closed(app) }
  },
  Express: () => {
    const app = express()
    app.get('/page', (_request, response) => void response.send('page'))
    let server: Server | undefined
    const listen = (): Promise<number> => {
      server = app.listen(0, '127.0.0.1')
      return listening(server)
    }
    return { app, listen, close: () => closed(server) }
  },
  Fastify: () => {
    const app = fastify()
    app.get('/page', async () => 'page')
    const listen = async (): Promise<number> => {
      await app.listen({ port: 0, host: '127.0.0.1' })
      return listening(app.server)
    }
    return { app, listen, close: () => app.close() }
  },
  Koa: () => {
    const app = new Koa()
    app.use((ctx) => {
      if (ctx.path === '/page') ctx.body = 'page'
    })
    let server: Server | undefined
    const listen = (): Promise<number> => {
      server = app.listen(0, '127.0.0.1')
      return listening(server)
    }
    return { app, listen, close: () => closed(server) }
  },
  Hono: () => {
    const app = new Hono()
    app.get('/page', (c) => c.text('page'))
    let server: Server | undefined
    const listen = (): Promise<number> => {
      server = createAdaptorServer({ fetch: app.fetch }) as Server
      return listening(server.listen(0, '127.0.0.1'))
    }
    return { app, listen, close: () => closed(server) }
  },
}

for (const [name, create] of Object.entries(FRAMEWORKS)) {
  for (const order of ['installed before it listens', 'installed while it listens'] as const) {
    for (const first of ['an upgrade', 'a page'] as const) {
      t.test(`LC16 ${name}, ${order}, ${first} is its first request`, async (t) => {
        const clients = new Clients()
        const framework = create()
        const plugin = testPlugin()
        t.teardown(async () => {
          clients.end()
          await plugin.close()
          await framework.close()
        })
        if (order === 'installed while it listens') clients.port = await framework.listen()
        plugin.install(framework.app)
        if (order === 'installed before it listens') clients.port = await framework.listen()
        const app = withWebSocket(framework.app)
        t.equal(app, framework.app)
        app.ws('/echo/:word', (socket, req) => {
          socket.send(`${req.params.word} ${req.socket.remoteAddress}`)
          socket.onMessage((message) => socket.send(message))
        })
        const page = async (): Promise<void> => {
          const response = await fetch(`http://127.0.0.1:${clients.port}/page`)
          t.equal(await response.text(), 'page')
        }
        if (first === 'a page') await page()
        const client = await clients.connect('/echo/hello')
        t.equal(await client.nextText(), 'hello 127.0.0.1')
        client.socket.send('there and back')
        t.equal(await client.nextText(), 'there and back')
        await page()
        t.equal(await clients.statusOf('/nothing'), 404)
        const other = await clients.connect('/echo/again')
        t.equal(await other.nextText(), 'again 127.0.0.1')
        t.equal(plugin.getStats().connections, 2)
      })
    }
  }
}

t.test('an upgrade to a server of somebody else is answered as it would be without the plugin', async (t) => {
  const koa = new Koa()
  const plugin = testPlugin().install(koa)
  withWebSocket(koa).ws('/mine', () => {})
  const clients = new Clients()
  const others = createServer((request, response) => response.writeHead(418).end(`plain ${request.headers.upgrade}`))
  clients.port = await listening(others.listen(0, '127.0.0.1'))
  const mine = koa.listen(0, '127.0.0.1')
  t.teardown(async () => {
    clients.end()
    await plugin.close()
    await Promise.all([closed(others), closed(mine)])
  })
  const client = await clients.raw({ path: '/mine' })
  t.equal(client.response.status, 418)
  await client.waitClosed()
  t.match(client.body.toString(), 'plain websocket')
  clients.port = await listening(mine)
  t.equal(await clients.statusOf('/mine'), 101)
  t.equal(others.listenerCount('upgrade'), 0, 'and nothing of it is left there')
})

t.test('two applications of which neither tells its server', async (t) => {
  const clients = new Clients()
  const apps = ['a', 'b'].map((name) => {
    const koa = new Koa()
    const plugin = testPlugin().install(koa)
    withWebSocket(koa).ws('/name', (socket) => void socket.send(name))
    return { name, plugin, server: koa.listen(0, '127.0.0.1') }
  })
  t.teardown(async () => {
    clients.end()
    await Promise.all(apps.map(({ plugin }) => plugin.close()))
    await Promise.all(apps.map(({ server }) => closed(server)))
  })
  for (const { name, server } of apps.toReversed()) {
    clients.port = await listening(server)
    const client = await clients.connect('/name')
    t.equal(await client.nextText(), name)
  }
})

t.test('an HTTP server that closes ends its WebSockets', async (t) => {
  const server = createServer()
  const plugin = testPlugin({ path: '/' }).install(server)
  const clients = new Clients()
  t.teardown(() => clients.end())
  clients.port = await listening(server.listen(0, '127.0.0.1'))
  const client = await clients.connect('/')
  await closed(server)
  t.equal((await client.closed).code, 1001)
  await plugin.close()
  t.equal(plugin.getStats().connections, 0)
})

t.test('Fastify closes its WebSockets before its server, on main too', async (t) => {
  const app = fastify()
  testPlugin({ path: '/', shards: 0 }).install(app)
  const clients = new Clients()
  t.teardown(() => clients.end())
  await app.listen({ port: 0, host: '127.0.0.1' })
  clients.port = await listening(app.server)
  const client = await clients.connect('/')
  await app.close()
  t.equal((await client.closed).code, 1001)
})

t.test('what no plugin can be installed on', async (t) => {
  for (const app of [null, undefined, 7, 'app', {}, { server: {} }, () => {}]) {
    t.throws(() => testPlugin().install(app as object), { code: 'ARGUMENT_INVALID', message: /^app must be / })
  }
  const server = createServer()
  const plugin = testPlugin().install(server)
  t.teardown(() => plugin.close())
  t.throws(() => testPlugin().install(server), { code: 'ARGUMENT_INVALID', message: /installed on it already/ })
  const taken = Object.assign(createServer(), { ws: () => {} })
  t.throws(() => testPlugin().install(taken), { code: 'ARGUMENT_INVALID', message: /member 'ws'/ })
  t.notOk(hasWebSocketSupport(taken))
})

t.test('LC16 an application with a listen that returns its server', async (t) => {
  const app = { listen: () => createServer().listen(0, '127.0.0.1') }
  const plugin = testPlugin({ path: '/' }).install(app)
  const clients = new Clients()
  const server = app.listen()
  t.teardown(async () => {
    clients.end()
    await plugin.close()
    await closed(server)
  })
  clients.port = await listening(server)
  t.equal(await clients.statusOf('/'), 101)
})

for (const order of ['before', 'after'] as const) {
  t.test(`Express on an https.Server, installed ${order} it listens`, async (t) => {
    const app = express()
    const plugin = testPlugin()
    if (order === 'before') plugin.install(app)
    const server = createHttpsServer(CERTIFICATE, app)
    const port = await listening(server.listen(0, '127.0.0.1'))
    if (order === 'after') plugin.install(app)
    t.teardown(async () => {
      await plugin.close()
      await closed(server)
    })
    withWebSocket(app).ws('/echo', (socket, req) => void socket.send(`${req.socket.remoteAddress} ${req.ip}`))
    for (let connection = 0; connection < 2; connection++) {
      const options = { rejectUnauthorized: false }
      const client = await MessageClient.connect(`wss://127.0.0.1:${port}/echo`, [], options)
      t.equal(await client.nextText(), '127.0.0.1 127.0.0.1')
      await client.close()
    }
  })
}
