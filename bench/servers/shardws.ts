import { parseArgs } from 'node:util'
import { WebSocketServer, type WebSocketServerOptions } from '../../src/index.ts'
import { CERTIFICATE } from '../../test/fixtures/certificate.ts'
import { answerTo } from '../json-app.ts'
import type { Work } from '../works.ts'
import { serve } from './serve.ts'

const { values } = parseArgs({ options: { shards: { type: 'string' }, handler: { type: 'string', default: 'main' } } })

/** Above the largest burst of any workload, so that no server wins by refusing messages. */
const MAX_BACKPRESSURE_BYTES = 64 * 1024 * 1024

// Modules have this file's own extension: `.ts` in the sources, `.js` when built.
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))

serve(async (work) => {
  const wss = new WebSocketServer(optionsFor(work))
  if (values.handler === 'main') handleOnMain(wss, work)
  const { port } = await wss.listen(0, '127.0.0.1')
  // What the first connections are refused or delayed by is not the work's.
  await wss.ready()
  return port
})

function optionsFor({ app, deflate, load, tls }: Work): WebSocketServerOptions {
  return {
    maxBackpressure: MAX_BACKPRESSURE_BYTES,
    ...(values.shards !== undefined && { shards: Number(values.shards) }),
    ...(values.handler === 'shard' && { handler: moduleUrl(`handlers/${app}`) }),
    ...(tls === true && { accept: 'acceptor', tls: CERTIFICATE }),
    ...(deflate === true && { compression: true }),
    ...(load === 'idle' && { execArgv: ['--import', moduleUrl('heap').href] }),
  }
}

function handleOnMain(wss: WebSocketServer, { app }: Work): void {
  if (app === 'echo') wss.on('message', (id, data, isBinary) => wss.send(id, data, isBinary))
  else if (app === 'json') wss.on('message', (id, data) => wss.send(id, answerTo(data.toString())))
  else wss.on('message', (_id, data, isBinary) => wss.broadcast(data, isBinary))
}

function moduleUrl(name: string): URL {
  return new URL(`./${name}${extension}`, import.meta.url)
}
