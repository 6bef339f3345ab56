/** What it costs to move connections under load: 500 of them while shards are replaced, added, removed, evened out and evacuated. */
import { extname } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { WebSocketServer } from '../src/index.ts'
import { Child, killLivingChildren } from './harness/child.ts'
import { readEnvironment } from './harness/environment.ts'
import type { Happened, MovesCommand, MovesReply } from './moves-clients.ts'
import { markdown, type Operation, saveMoves } from './moves-report.ts'

const PROCESSES = 2
const SHARDS = 2
const MORE_SHARDS = 4
const PUBLISH_MS = 50
/** Of a window in which nothing is done. */
const QUIET_MS = 1000
/** Between two operations, and before the first one. */
const REST_MS = 300
const WARM_UP_MS = 2000
const STEP_MS = 60_000

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '20' },
    save: { type: 'boolean', default: false },
  },
})
const connections = Number(values.connections)
const rounds = Number(values.rounds)
const extension = extname(import.meta.url)

type Clients = Child<MovesCommand, Exclude<MovesReply, { type: 'failed' }>>

/** The keys change with it, so `rebalance` has something to do. */
let epoch = 0
let published = 0

const server = new WebSocketServer({
  shards: SHARDS,
  logLevel: 'error',
  handler: new URL(`moves-handler${extension}`, import.meta.url),
  shardBy: ({ query }) => `${epoch} ${query.connection}`,
})
// The errors are what is measured.
server.on('error', () => {})

/** What is done; who offends for it, if somebody must. */
const STEPS: readonly (readonly [name: string, run: (round: number) => Promise<number | undefined>])[] = [
  ['nothing', () => pause(QUIET_MS, undefined)],
  ['reload', () => done(server.reload())],
  [`resize ${SHARDS} → ${MORE_SHARDS}`, () => done(server.resize(MORE_SHARDS))],
  [`resize ${MORE_SHARDS} → ${SHARDS}`, () => done(server.resize(SHARDS))],
  [
    'rebalance',
    () => {
      epoch++
      return done(server.rebalance())
    },
  ],
  ['evacuation', (round) => evacuate(round % connections)],
]

async function done(change: Promise<unknown>): Promise<undefined> {
  await change
}

/** Resolves with the one that has caused it, when all others have moved. */
async function evacuate(offender: number): Promise<number> {
  const evacuated = new Promise<void>((resolve) => {
    const look = ({ kind }: { kind: string }): void => {
      if (kind !== 'evacuated') return
      server.off('shard', look)
      resolve()
    }
    server.on('shard', look)
  })
  const clients = children[Math.floor((offender * PROCESSES) / connections)] as Clients
  const [{ code }] = await Promise.all([
    clients.request({ type: 'offend', connection: offender }, 'offended', STEP_MS),
    evacuated,
  ])
  if (code !== 1011) throw new Error(`the offender was closed with ${code}`)
  return offender
}

/** How often each connection has moved. */
function movesByConnection(): Map<number, number> {
  const all = server.getConnections().flatMap((id) => server.getConnection(id) ?? [])
  return new Map(all.map(({ query, moves }) => [Number(query.connection), moves]))
}

async function measure(name: string, run: () => Promise<number | undefined>): Promise<Operation> {
  await askAll({ type: 'begin' }, 'begun')
  const before = movesByConnection()
  const beganMs = performance.now()
  const offender = await run()
  const durationMs = performance.now() - beganMs
  const after = movesByConnection()
  const ended = await askAll({ type: 'end' }, 'ended')
  const hasMoved = (connection: number): boolean => (after.get(connection) ?? 0) > (before.get(connection) ?? 0)
  const pauses = ended.flatMap(({ pausesMs }) => pausesMs).filter(([connection]) => connection !== offender)
  return {
    name,
    durationMs,
    movedPausesMs: pauses.filter(([connection]) => hasMoved(connection)).map(([, ms]) => ms),
    otherPausesMs: pauses.filter(([connection]) => !hasMoved(connection)).map(([, ms]) => ms),
    offenders: offender === undefined ? 0 : 1,
    ...sum(ended),
  }
}

function askAll<Type extends 'opened' | 'begun' | 'ended' | 'finished'>(command: MovesCommand, type: Type) {
  return Promise.all(children.map((child) => child.request(command, type, STEP_MS)))
}

function sum(all: readonly Happened[]): Pick<Operation, 'disconnects' | 'lost' | 'doubled' | 'reordered'> {
  const total = (amount: (one: Happened) => number): number => all.reduce((whole, one) => whole + amount(one), 0)
  return {
    disconnects: total(({ disconnects }) => disconnects.length),
    lost: total(({ lost }) => lost),
    doubled: total(({ doubled }) => doubled),
    reordered: total(({ reordered }) => reordered),
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    killLivingChildren()
    process.exit(1)
  })
}

const environment = readEnvironment()
const { port } = await server.listen(0, '127.0.0.1')
const entry = new URL(`moves-clients${extension}`, import.meta.url)
const children = Array.from({ length: PROCESSES }, (_, at): Clients => new Child(`clients ${at}`, entry))
try {
  const shares = children.map((_, at) => Math.floor((at * connections) / PROCESSES)).concat(connections)
  await Promise.all(
    children.map((child, at) => {
      const [from = 0, to = 0] = shares.slice(at, at + 2)
      return child.request({ type: 'open', port, from, count: to - from }, 'opened', STEP_MS)
    }),
  )
  const publishing = setInterval(() => {
    if (server.publish('all', `p${published}`)) published++
  }, PUBLISH_MS)
  await pause(WARM_UP_MS)
  await askAll({ type: 'end' }, 'ended')
  const operations: Operation[] = []
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of STEPS) {
      operations.push(await measure(name, () => run(round)))
      await pause(REST_MS)
    }
    process.stderr.write(`round ${round + 1} of ${rounds}\n`)
  }
  clearInterval(publishing)
  const atTheEnd = sum(await askAll({ type: 'finish', published }, 'finished'))
  const { messagesReceived: received, messagesSent: sent } = server.stats()
  const report = { environment, connections, rounds, messages: { received, sent, published }, operations, atTheEnd }
  process.stdout.write(markdown(report))
  if (values.save) process.stdout.write(`${(await saveMoves(report)).join('\n')}\n`)
  const isWrong = [...operations, atTheEnd].some((one) => one.disconnects + one.lost + one.doubled + one.reordered > 0)
  if (isWrong) process.exitCode = 1
} finally {
  await Promise.all(children.map((child) => child.end()))
  await server.shutdown({ deadlineMs: 2000 })
}
