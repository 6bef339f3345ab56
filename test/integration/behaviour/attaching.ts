import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Test } from 'tap'
import { WebSocketServer, type WebSocketServerOptions } from '../../../src/index.ts'
import { RawClient } from '../../fixtures/raw-client.ts'
import type { Behaviour } from './behaviour.ts'

export const attaching: Behaviour = (t, start, options) => {
  t.test('row 70: two engines and a stranger share one http server', async (t) => {
    const http = await listening(t)
    const chat = engineFor(t, options)
    const game = engineFor(t, options)
    chat.attach(http, { path: '/chat' })
    game.attach(http, { path: ['/game', '/game/2'] })
    http.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      if (request.url === '/foreign') socket.end('HTTP/1.1 418 Teapot\r\nConnection: close\r\n\r\n')
    })
    await Promise.all([chat.ready(), game.ready()])
    t.equal(await upgradeStatus(http, '/chat?a'), 101)
    t.equal(await upgradeStatus(http, '/game'), 101)
    t.equal(await upgradeStatus(http, '/game/2'), 101)
    t.equal(await upgradeStatus(http, '/foreign'), 418)
    t.equal(chat.stats().totalConnections, 1)
    t.equal(game.stats().totalConnections, 2)
    t.equal(await plainStatus(http), 200)
    await chat.shutdown()
    t.equal(await upgradeStatus(http, '/game'), 101, 'the others stay when one goes')
    t.equal(await upgradeStatus(http, '/foreign'), 418)
    t.equal(await plainStatus(http), 200)
  })

  t.test('row 70: other paths get 404 when no stranger listens', async (t) => {
    const http = await listening(t)
    const chat = engineFor(t, options).attach(http, { path: '/chat' })
    await chat.ready()
    t.equal(await upgradeStatus(http, '/other'), 404)
    t.equal(await upgradeStatus(http, '/chat/'), 404, 'paths are compared exactly')
    t.equal(await upgradeStatus(http, '/chat'), 101)
    engineFor(t, options).attach(http, { path: '/game' })
    t.equal(await upgradeStatus(http, '/other'), 404, 'nor when two engines listen and no stranger')
    t.throws(() => chat.attach(http, { path: 'chat' }), { code: 'ARGUMENT_INVALID' })
  })

  t.test('a listener of the application may choose what an engine takes', async (t) => {
    const http = await listening(t)
    const server = engineFor(t, options)
    http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head))
    await server.ready()
    t.equal(await upgradeStatus(http, '/anything'), 101)
    t.throws(() => server.handleUpgrade({} as IncomingMessage, {} as Duplex, Buffer.alloc(0)), {
      code: 'ARGUMENT_INVALID',
    })
  })

  t.test('on a port of its own everything but WebSocket gets 426', async (t) => {
    const { server, port } = await start(t)
    t.equal(await plainStatusOn(port), 426)
    t.equal(server.address()?.port, port)
    await t.rejects(server.listen(0, '127.0.0.1'), { code: 'ALREADY_LISTENING' })
    const second = engineFor(t, options)
    await t.rejects(second.listen(port, '127.0.0.1'), { code: 'EADDRINUSE' })
    t.equal(second.address(), null)
    t.ok((await second.listen(0, '127.0.0.1')).port > 0, 'and can listen elsewhere')
  })
}

function engineFor(t: Test, options: WebSocketServerOptions): WebSocketServer {
  const server = new WebSocketServer(options)
  t.teardown(() => server.shutdown({ deadlineMs: 500 }))
  return server
}

async function listening(t: Test): Promise<Server> {
  const http = createServer((_request, response) => response.end('plain'))
  t.teardown(() => http.closeAllConnections())
  t.teardown(() => http.close())
  await once(http.listen(0, '127.0.0.1'), 'listening')
  return http
}

async function upgradeStatus(http: Server, path: string): Promise<number> {
  const { port } = http.address() as AddressInfo
  const client = await RawClient.open({ port, path, deadlineMs: 2000 })
  client.destroy()
  return client.response.status
}

function plainStatus(http: Server): Promise<number> {
  return plainStatusOn((http.address() as AddressInfo).port)
}

function plainStatusOn(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    }).on('error', reject)
  })
}
