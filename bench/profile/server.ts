/** The server that is profiled: it echoes, tells its port, and ends on SIGINT, so that profiles are written. */
import { parseArgs } from 'node:util'
import { WebSocketServer } from '../../src/index.ts'

const { values } = parseArgs({
  options: {
    shards: { type: 'string', default: '0' },
    handler: { type: 'string', default: 'main' },
    /** Where each shard leaves a CPU profile. */
    profiles: { type: 'string' },
  },
})
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))

const server = new WebSocketServer({
  shards: Number(values.shards),
  handleSignals: { deadlineMs: 2000 },
  execArgv: values.profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profiles}`],
  ...(values.handler === 'shard' && { handler: new URL(`../servers/handlers/echo${extension}`, import.meta.url) }),
})
if (values.handler === 'main') server.on('message', (id, data, isBinary) => server.send(id, data, isBinary))
const { port } = await server.listen(0, '127.0.0.1')
console.log(port)
