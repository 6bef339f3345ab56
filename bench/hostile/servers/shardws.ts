import { parseArgs } from 'node:util'
import { WebSocketServer, type WebSocketServerOptions } from '../../../src/index.ts'
import { CALM_PATH, type Settings } from '../protocol.ts'
import { serve, type Workload } from './serve.ts'

const { values } = parseArgs({ options: { shards: { type: 'string', default: '2' } } })

/** The engine's default. */
const MAX_PAYLOAD_BYTES = 1024 * 1024

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const HEAPS = new URL(`./heaps${extension}`, import.meta.url)

const shards = Number(values.shards)

serve(shards, async (settings, workload) => {
  const wss = new WebSocketServer(optionsFor(settings, workload))
  const handle = handlerFor(wss, settings, workload)
  wss.on('message', (id, data, isBinary) => {
    if (isBinary) return handle(data)
    wss.send(id, data, false)
  })
  const { port } = await wss.listen(0, '127.0.0.1')
  return { port, maxPayload: MAX_PAYLOAD_BYTES }
})

function optionsFor({ app, compression, deadlineMs }: Settings, workload: Workload): WebSocketServerOptions {
  return {
    shards,
    logLevel: 'error',
    // Shards collect garbage when main does, as a server of one thread would.
    execArgv: ['--import', HEAPS.href],
    ...(compression === true && { compression: true }),
    ...(deadlineMs !== undefined && { handshakeTimeoutMs: deadlineMs, messageTimeoutMs: deadlineMs }),
    ...(app === 'hang' && { verifyClient: ({ url }) => url === CALM_PATH || workload.hang() }),
  }
}

function handlerFor(
  wss: WebSocketServer,
  { app }: Settings,
  workload: Workload,
): (data: Buffer) => void | Promise<void> {
  switch (app) {
    case 'slow':
      return () => workload.handleSlowly()
    case 'broadcast':
      return (data) => {
        workload.swallow()
        wss.broadcast(data, true)
      }
    case 'swallow':
    case 'hang':
      return () => workload.swallow()
  }
}
