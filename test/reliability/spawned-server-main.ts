import { WebSocketServer, type WebSocketServerOptions } from '../../src/index.ts'

/** A server that signals end; see `spawned-server.ts`. What it has to tell is a line of JSON each. */
const FAREWELLS = 50

const listeners = (): number => process.listenerCount('SIGTERM') + process.listenerCount('SIGINT')
/** Of whatever was loaded before us. */
const before = listeners()

const server = new WebSocketServer({
  execArgv: [],
  logLevel: 'error',
  ...(JSON.parse(process.argv[2] ?? '') as WebSocketServerOptions),
})

function tell(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`)
}

server.on('message', (id, message, isBinary) => server.send(id, message, isBinary))
server.on('draining', async () => {
  tell({ draining: server.getConnections().length })
  for (const id of server.getConnections()) for (let i = 0; i < FAREWELLS; i++) server.send(id, `${i}`)
  const report = await server.shutdown()
  // Behind the server's own last steps.
  await new Promise((resolve) => setImmediate(resolve))
  tell({ report, listeners: listeners() - before })
})
const { port } = await server.listen(0, '127.0.0.1')
tell({ port })
