import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import type * as Ws from 'ws'
import { CERTIFICATE } from '../../test/fixtures/certificate.ts'
import { answerTo } from '../json-app.ts'
import { serve } from './serve.ts'

/** `--from URL`: the `ws` of the package there, which finds the `bufferutil` beside it. */
const { values } = parseArgs({ options: { from: { type: 'string' } } })

const require = createRequire(values.from ?? import.meta.url)
const { WebSocket, WebSocketServer } = require('ws') as typeof Ws
if (values.from !== undefined && !Object.keys(require.cache).some((file) => file.endsWith('.node'))) {
  throw new Error('bufferutil has no binary for this platform and would fall back to JavaScript')
}

serve(async ({ app, deflate, tls }) => {
  const server = tls === true ? createSecureServer(CERTIFICATE) : createServer()
  const wss = new WebSocketServer({ server, perMessageDeflate: deflate === true })
  wss.on('connection', (socket) => {
    if (app === 'echo') {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    } else if (app === 'json') {
      socket.on('message', (data) => socket.send(answerTo(String(data))))
    } else {
      socket.on('message', (data, isBinary) => {
        for (const member of wss.clients) {
          if (member.readyState === WebSocket.OPEN) member.send(data, { binary: isBinary })
        }
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
})
