import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { serve } from './serve.ts'

serve(async (app) => {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  wss.on('connection', (socket) => {
    if (app === 'echo') {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    } else {
      socket.on('message', (data, isBinary) => {
        for (const member of wss.clients) {
          if (member.readyState === WebSocket.OPEN) member.send(data, { binary: isBinary })
        }
      })
    }
  })
  await once(wss, 'listening')
  return (wss.address() as AddressInfo).port
})
