import { parseArgs } from 'node:util'
import { WebSocketServer } from '../../src/index.ts'
import { serve } from './serve.ts'

const { values } = parseArgs({ options: { shards: { type: 'string' } } })

/** Above the largest burst of any workload, so that no server wins by refusing messages. */
const MAX_BACKPRESSURE_BYTES = 64 * 1024 * 1024

serve(async (app) => {
  const wss = new WebSocketServer({
    maxBackpressure: MAX_BACKPRESSURE_BYTES,
    ...(values.shards === undefined ? {} : { shards: Number(values.shards) }),
  })
  if (app === 'echo') wss.on('message', (id, data, isBinary) => wss.send(id, data, isBinary))
  else wss.on('message', (_id, data, isBinary) => wss.broadcast(data, isBinary))
  const { port } = await wss.listen(0, '127.0.0.1')
  return port
})
