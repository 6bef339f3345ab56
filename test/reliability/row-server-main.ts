import { extname } from 'node:path'
import { BroadcastChannel } from 'node:worker_threads'
import { WebSocketServer } from '../../src/index.ts'
import { openDescriptors, threadCount } from '../fixtures/process-resources.ts'
import { type Answer, memoryAfterGc, type Question, ROW_CHANNEL, type ThreadMemory } from './row-channel.ts'
import type { App, Call, Commands, RowServerSpec, Seen, Usage } from './row-server.ts'

/** One server in a process of its own; see `row-server.ts`. */
const { app: appName, options } = JSON.parse(process.argv[2] ?? '') as Required<RowServerSpec>
const app = ((await import(`./apps/${appName}${extname(import.meta.url)}`)) as { app: App }).app

const uncaught: string[] = []
process.on('uncaughtException', (cause) => uncaught.push(String(cause)))
process.on('unhandledRejection', (cause) => uncaught.push(String(cause)))

const server = new WebSocketServer({
  execArgv: [],
  logLevel: 'error',
  shardUrl: new URL(`./${app.shard ?? 'observed-shard'}${extname(import.meta.url)}`, import.meta.url),
  ...options,
  ...app.options,
})
const seen: { -readonly [Field in keyof Seen]: Seen[Field] } & {
  opened: Seen['opened'][number][]
  closes: Seen['closes'][number][]
  errors: string[]
} = { opened: [], closes: [], errors: [], uncaught, dropped: 0, open: 0, stats: server.stats() }
server.on('connection', (id, { url }) => {
  seen.opened.push({ id, url, shard: server.getConnection(id)?.shard ?? -1 })
})
server.on('close', (id, code) => seen.closes.push({ id, code }))
server.on('error', (_id, error) => seen.errors.push((error as { code?: string }).code ?? String(error)))
server.on('dropped', () => (seen.dropped += 1))

const channel = new BroadcastChannel(ROW_CHANNEL)
channel.unref()
const ice = new Map<number, Int32Array>()

function ask(question: Question): Promise<ThreadMemory> {
  return new Promise((resolve) => {
    channel.onmessage = (event) => {
      const { data } = event as { data: Question | Answer }
      if ('answer' in data && data.shard === question.shard && data.answer === question.ask) resolve(data.memory)
    }
    channel.postMessage(question)
  })
}

const commands: Commands = {
  ...app.start(server),
  async listen(): Promise<number> {
    return (await server.listen(0, '127.0.0.1')).port
  },
  seen: (): Seen => ({ ...seen, open: server.getConnections().length, stats: server.stats() }),
  health: () => server.health(),
  descriptors: () => openDescriptors().length,
  async usage(): Promise<Usage> {
    const shards: ThreadMemory[] = []
    for (const { shard } of server.stats().shards) shards.push(await ask({ shard, ask: 'memory' }))
    const main = memoryAfterGc()
    const total = [main, ...shards].reduce((sum, { heap, external }) => sum + heap + external, 0)
    return { main, shards, total, rss: process.memoryUsage.rss(), threads: threadCount() }
  },
  rss: () => process.memoryUsage.rss(),
  async freeze(shard: number): Promise<void> {
    const memory = new SharedArrayBuffer(4)
    ice.set(shard, new Int32Array(memory))
    await ask({ shard, ask: 'freeze', ice: memory })
  },
  thaw(shard: number): void {
    const frozen = ice.get(shard) as Int32Array
    Atomics.store(frozen, 0, 1)
    Atomics.notify(frozen, 0)
  },
  async shutdown(): Promise<void> {
    // The neighbours are still there, and answer no close frame.
    await server.shutdown({ deadlineMs: 100 })
    process.removeAllListeners('disconnect')
    process.disconnect?.()
  },
}

process.on('disconnect', () => process.exit(1))
process.on('message', ({ call, name, args }: Call) => {
  const run = async (): Promise<void> => {
    const command = commands[name]
    if (command === undefined) throw new Error(`no command ${name}`)
    const value = await (command as (...args: unknown[]) => unknown)(...args)
    process.send?.({ call, value })
  }
  run().catch((error: unknown) => process.send?.({ call, error: String(error) }))
})
