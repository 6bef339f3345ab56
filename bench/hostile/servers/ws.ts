import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { type RawData, type ServerOptions, WebSocket, WebSocketServer } from 'ws'
import { CALM_PATH, type Settings } from '../protocol.ts'
import { serve, type Workload } from './serve.ts'

const { values } = parseArgs({ options: { 'max-payload': { type: 'string' } } })

serve(0, async (settings, workload) => {
  const wss = new WebSocketServer(optionsFor(settings, workload))
  const handle = handlerFor(wss, settings, workload)
  wss.on('connection', (socket) => {
    // What a peer does wrong arrives here and would end the process.
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => {
      if (isBinary) return handle(data)
      socket.send(data, { binary: false })
    })
  })
  await once(wss, 'listening')
  return { port: (wss.address() as AddressInfo).port, maxPayload: wss.options.maxPayload as number }
})

function optionsFor({ app, compression }: Settings, workload: Workload): ServerOptions {
  const maxPayload = values['max-payload']
  return {
    port: 0,
    host: '127.0.0.1',
    ...(maxPayload !== undefined && { maxPayload: Number(maxPayload) }),
    ...(compression === true && { perMessageDeflate: true }),
    ...(app === 'hang' && {
      verifyClient: ({ req }, accept) => {
        if (req.url === CALM_PATH) accept(true)
        else workload.hang().then(accept, () => {})
      },
    }),
  }
}

function handlerFor(
  wss: WebSocketServer,
  { app }: Settings,
  workload: Workload,
): (data: RawData) => void | Promise<void> {
  switch (app) {
    case 'slow':
      return () => workload.handleSlowly()
    case 'broadcast':
      return (data) => {
        workload.swallow()
        for (const member of wss.clients) if (member.readyState === WebSocket.OPEN) member.send(data)
      }
    case 'swallow':
    case 'hang':
      return () => workload.swallow()
  }
}
