import { WebSocketServer } from '../../src/index.ts'
import { openDescriptors } from '../fixtures/process-resources.ts'
import type { ServerReport, ServersReady } from './server-process.ts'
import { SERVER_NAMES, SERVERS, type ServerName } from './servers.ts'

/** The servers under test, in a process of their own: what nobody catches there is noted and told. */
const shards = Number(process.argv[2])
const faults: string[] = []
process.on('uncaughtException', (error) => faults.push(`uncaughtException: ${error.stack}`))
process.on('unhandledRejection', (reason) => faults.push(`unhandledRejection: ${(reason as Error)?.stack ?? reason}`))

const servers = new Map<ServerName, WebSocketServer>()
const ports: Partial<Record<ServerName, number>> = {}
for (const name of SERVER_NAMES) {
  const server = new WebSocketServer({ shards, execArgv: [], logLevel: 'error', ...SERVERS[name] })
  server.on('message', (id, message, isBinary) => {
    if (!server.send(id, message, isBinary) && server.getConnection(id)?.readyState === 1) {
      faults.push(`${name}: a message for an open connection was refused`)
    }
  })
  server.on('error', (id, error) => {
    if (id === null) faults.push(`${name}: ${error.stack}`)
  })
  server.on('shard', ({ kind, cause }) => {
    if (kind !== 'started') faults.push(`${name}: a shard ${kind}: ${(cause as Error | undefined)?.stack ?? cause}`)
  })
  ports[name] = (await server.listen(0, '127.0.0.1')).port
  servers.set(name, server)
}

process.on('message', (word) => {
  if (word === 'stop') void stop()
  else process.send?.(report())
})
process.on('disconnect', () => process.exit(1))
process.send?.({ ports: ports as Record<ServerName, number> } satisfies ServersReady)

function report(): ServerReport {
  const all = [...servers].map(([name, server]) => ({ name, stats: server.stats(), ids: server.getConnections() }))
  for (const { name, stats } of all) {
    if (stats.errors.handler > 0) faults.push(`${name}: ${stats.errors.handler} handler errors`)
    if (stats.handoffs.lost > 0) faults.push(`${name}: ${stats.handoffs.lost} connections lost between main and shard`)
  }
  return {
    faults,
    descriptors: openDescriptors(),
    gauges: all.flatMap(({ name, stats, ids }) => [
      { server: name, gauge: 'ids', value: ids.length },
      ...stats.shards.flatMap(({ shard, connections, queuedBytes }) => [
        { server: name, gauge: `connections of shard ${shard}`, value: connections },
        { server: name, gauge: `queuedBytes of shard ${shard}`, value: queuedBytes },
      ]),
    ]),
  }
}

async function stop(): Promise<void> {
  await Promise.all([...servers.values()].map((server) => server.shutdown({ deadlineMs: 2000 })))
  // What keeps the process from ending now is the engine's fault.
  process.removeAllListeners('disconnect')
  process.disconnect()
}
