import t from 'tap'
import type { ErrorCode, WebSocketServer, WebSocketServerOptions } from '../../src/index.ts'
import { resolveOptions } from '../../src/main/resolve-options.ts'
import { ERRORS } from '../../src/shared/errors.ts'
import { computeModule } from '../fixtures/compute/module-url.ts'
import type { Task } from '../fixtures/compute/tasks.ts'
import { deferred } from '../fixtures/deferred.ts'
import { DeflateClient } from '../fixtures/deflate-client.ts'
import { type EngineUnderTest, type Joined, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { RawSocket } from '../fixtures/raw-socket.ts'
import { assertReached, ON_MAIN_AND_IN_THREADS, startLimited } from './limited-engine.ts'

const KIB = 1024
const MIB = 1024 * KIB

interface Limit {
  readonly option: string
  readonly options: WebSocketServerOptions
  /** Of the error that ends the connection or refuses the handshake; none: the limit only holds something back. */
  readonly code?: ErrorCode
  /** The error refuses a handshake. */
  readonly isRefusal?: true
  /** Goes over the limit. */
  drive(engine: EngineUnderTest): Promise<void>
}

/** Options that are limits and are tried elsewhere, with the reason. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  maxExternalBytes: 'a shard that passes it is replaced, row 9',
  maxDedicatedContexts: 'the next connections are served by shared contexts, integration/compression.test.ts',
  authTimeoutMs: 'what auth.timeoutMs is called within',
  stallMs: 'of a shard, not of a peer: row-08-wedged-shard.test.ts',
  killMs: 'of a shard, not of a peer: row-08-wedged-shard.test.ts',
  maxSessionData:
    'sessions.maxDataBytes for a handler in a shard: nothing ends, the session is not kept, integration/sessions.test.ts',
  beatMs: 'how often a shard shows that it runs',
  shardReadyTimeoutMs: 'of a shard, not of a peer: SHARD_START_FAILED, integration/supervision.test.ts',
}

const NEVER = new Promise<boolean>(() => {})

const LIMITS: readonly Limit[] = [
  {
    option: 'compute.maxQueue',
    options: { compute: { filename: computeModule('tasks'), maxThreads: 1, maxQueue: 0 } },
    drive: ({ server }) => computes(server, [{ act: 'thread' }, { act: 'thread' }]),
  },
  {
    option: 'compute.taskTimeoutMs',
    options: { compute: { filename: computeModule('tasks'), maxThreads: 1, taskTimeoutMs: 50 } },
    drive: ({ server }) => computes(server, [{ act: 'loop' }]),
  },
  {
    option: 'maxRooms',
    options: { maxRooms: 1 },
    drive: (engine) => joinsRooms(engine, ['one', 'two']),
  },
  {
    option: 'maxRoomsPerConnection',
    options: { maxRoomsPerConnection: 1 },
    drive: (engine) => joinsRooms(engine, ['one', 'two']),
  },
  {
    option: 'maxRoomSize',
    options: { maxRoomSize: 1 },
    async drive(engine) {
      await joinsRooms(engine, ['one'])
      await joinsRooms(engine, ['one'])
    },
  },
  {
    option: 'maxCoalescedKeys',
    options: { maxCoalescedKeys: 1 },
    async drive({ server }) {
      for (const coalesceKey of ['one', 'two']) server.publish('room', '', { coalesceMs: 1000, coalesceKey })
    },
  },
  {
    option: 'maxDevicesPerUser',
    options: { maxDevicesPerUser: 1 },
    async drive(engine) {
      for (const { id } of await engine.joinMany(2)) engine.server.identify(id, 'ada')
    },
  },
  {
    option: 'outbox.max',
    options: { outbox: { max: 1 } },
    drive: async ({ server }) => sendsTo(server, ['ada', 'ada']),
  },
  {
    option: 'outbox.maxUsers',
    options: { outbox: { maxUsers: 1 } },
    drive: async ({ server }) => sendsTo(server, ['ada', 'bob']),
  },
  {
    option: 'outbox.maxBytes',
    options: { outbox: { maxBytes: 1 } },
    drive: async ({ server }) => sendsTo(server, ['ada', 'bob']),
  },
  {
    option: 'auth.timeoutMs',
    options: { auth: { timeoutMs: 100 } },
    code: 'AUTH_TIMEOUT',
    drive: async (engine) => void (await engine.open()),
  },
  {
    option: 'maxPayload',
    options: { maxPayload: 10 },
    code: 'MESSAGE_TOO_BIG',
    drive: (engine) => sends(engine, 'x'.repeat(11)),
  },
  {
    option: 'maxCompressedSize',
    options: { compression: true, maxCompressedSize: 10 },
    code: 'COMPRESSED_TOO_BIG',
    async drive(engine) {
      const client = await DeflateClient.join(engine, 'permessage-deflate')
      client.sendBody(Buffer.alloc(11))
    },
  },
  {
    option: 'maxFragments',
    options: { maxFragments: 2 },
    code: 'TOO_MANY_FRAGMENTS',
    async drive(engine) {
      const { client } = await engine.join()
      client.sendFrame({ opcode: RawOpcode.Text, fin: false })
      client.sendFrame({ opcode: RawOpcode.Continuation, fin: false })
      client.sendFrame({ opcode: RawOpcode.Continuation, fin: false })
    },
  },
  {
    option: 'messageTimeoutMs',
    options: { messageTimeoutMs: 50 },
    code: 'MESSAGE_TIMEOUT',
    async drive(engine) {
      const { client } = await engine.join()
      client.sendRaw(Buffer.of(0x81))
    },
  },
  {
    option: 'maxControlRate',
    options: { maxControlRate: 1 },
    code: 'CONTROL_FLOOD',
    async drive(engine) {
      const { client } = await engine.join()
      for (let i = 0; i < 10; i++) client.sendFrame({ opcode: RawOpcode.Ping })
    },
  },
  {
    option: 'maxPendingPongs',
    options: { maxPendingPongs: 1, slowConsumer: 'buffer' },
    async drive(engine) {
      const { client } = await fill(engine)
      for (let i = 0; i < 10; i++) client.sendFrame({ opcode: RawOpcode.Ping })
    },
  },
  {
    option: 'rateLimit',
    options: { rateLimit: { messages: 1, burst: 1, graceMs: 0 } },
    code: 'RATE_LIMITED',
    async drive(engine) {
      const { client } = await engine.join()
      for (let i = 0; i < 10; i++) sendText(client, 'x')
    },
  },
  {
    option: 'maxBackpressure',
    options: { maxBackpressure: 64 * KIB },
    async drive(engine) {
      await fill(engine)
    },
  },
  {
    option: 'maxShardBackpressure',
    options: { maxShardBackpressure: 8 * MIB, slowConsumer: 'buffer' },
    code: 'SHARD_BACKPRESSURE',
    async drive(engine) {
      const { client, id } = await engine.join()
      client.pause()
      await eventually('the shard gives up on it', () => {
        engine.server.send(id, Buffer.alloc(MIB))
        return engine.journal.closesOf(id).length > 0
      })
    },
  },
  {
    option: 'maxUnprocessedMessages',
    options: { maxUnprocessedMessages: 2 },
    async drive(engine) {
      engine.server.on('message', () => NEVER)
      const { client } = await engine.join()
      for (let i = 0; i < 3; i++) sendText(client, 'x')
    },
  },
  {
    option: 'maxUnprocessedBytes',
    options: { maxUnprocessedBytes: 2 },
    async drive(engine) {
      engine.server.on('message', () => NEVER)
      await sends(engine, 'xxx')
    },
  },
  {
    option: 'compression.inflateBytesPerSecond',
    options: { compression: { inflateBytesPerSecond: 1 }, maxPayload: 2000 },
    code: 'INFLATE_BUDGET',
    async drive(engine) {
      const client = await DeflateClient.join(engine, 'permessage-deflate')
      for (let i = 0; i < 2; i++) client.send('x'.repeat(1500))
    },
  },
  {
    option: 'livenessMs',
    options: { pingIntervalMs: 40, livenessMs: 80 },
    drive: async (engine) => void (await engine.join()),
  },
  {
    option: 'idleTimeoutMs',
    options: { idleTimeoutMs: 80 },
    drive: async (engine) => void (await engine.join()),
  },
  {
    option: 'closeTimeoutMs',
    options: { closeTimeoutMs: 50 },
    async drive(engine) {
      const { id } = await engine.join()
      engine.server.close(id)
    },
  },
  {
    option: 'maxLifetimeMs',
    options: { maxLifetimeMs: 80 },
    drive: async (engine) => void (await engine.join()),
  },
  {
    option: 'maxConnections',
    options: { maxConnections: 1 },
    code: 'OVER_CAPACITY',
    isRefusal: true,
    async drive(engine) {
      await engine.join()
      await engine.open()
    },
  },
  {
    option: 'maxMemoryBytes',
    // Less than Node needs: who connects is closed unread.
    options: { maxMemoryBytes: 64 * MIB },
    code: 'MEMORY_SHORT',
    isRefusal: true,
    drive: async (engine) => void (await engine.open().catch(() => {})),
  },
  {
    option: 'maxConnectionsPerIp',
    options: { maxConnectionsPerIp: 1 },
    code: 'TOO_MANY_CONNECTIONS',
    isRefusal: true,
    async drive(engine) {
      await engine.join()
      await engine.open()
    },
  },
  {
    option: 'connectionRate',
    options: { connectionRate: { perIp: 1 } },
    code: 'CONNECTION_RATE',
    isRefusal: true,
    async drive(engine) {
      await engine.join()
      await engine.open()
    },
  },
  {
    option: 'maxPendingHandshakes',
    options: {
      maxPendingHandshakes: 1,
      verifyClient: () => {
        asked.resolve(undefined)
        return verdict.promise
      },
    },
    code: 'TOO_MANY_HANDSHAKES',
    isRefusal: true,
    async drive(engine) {
      const first = engine.open()
      await asked.promise
      await engine.open()
      verdict.resolve(true)
      await first
    },
  },
  {
    option: 'handshakeTimeoutMs',
    options: { handshakeTimeoutMs: 100 },
    code: 'REQUEST_TIMEOUT',
    isRefusal: true,
    async drive(engine) {
      const socket = await RawSocket.open(engine.port)
      socket.write(Buffer.from('GET / HTTP/1.1\r\nHost:'))
      await socket.waitEnd()
      socket.destroy()
    },
  },
  {
    option: 'verifyTimeoutMs',
    options: { verifyTimeoutMs: 100, verifyClient: () => NEVER },
    code: 'VERIFY_TIMEOUT',
    isRefusal: true,
    drive: async (engine) => void (await engine.open()),
  },
  {
    option: 'middlewareTimeoutMs',
    options: { middlewareTimeoutMs: 100 },
    code: 'MIDDLEWARE_TIMEOUT',
    async drive(engine) {
      engine.server.use(() => {})
      await engine.open()
    },
  },
  {
    option: 'maxHeaderFields',
    options: { maxHeaderFields: 5 },
    code: 'HEADERS_TOO_LARGE',
    isRefusal: true,
    drive: async (engine) => void (await engine.open({ headers: { 'X-Sixth': '' } })),
  },
  {
    option: 'maxUrlLength',
    options: { maxUrlLength: 10 },
    code: 'URI_TOO_LONG',
    isRefusal: true,
    drive: async (engine) => void (await engine.open({ path: `/${'x'.repeat(10)}` })),
  },
]

let asked = deferred<undefined>()
let verdict = deferred<boolean>()

async function sends(engine: EngineUnderTest, text: string): Promise<void> {
  const { client } = await engine.join()
  sendText(client, text)
}

function sendsTo(server: WebSocketServer, userIds: readonly string[]): void {
  for (const userId of userIds) server.user(userId).send('x')
}

async function joinsRooms(engine: EngineUnderTest, names: readonly string[]): Promise<void> {
  const { id } = await engine.join()
  for (const name of names) engine.server.join(id, name)
}

async function computes({ compute }: WebSocketServer, tasks: readonly Task[]): Promise<void> {
  await Promise.allSettled(tasks.map((task) => compute.run(task)))
}

/** A client that does not read, and as much for it as the kernel takes and more. */
async function fill(engine: EngineUnderTest): Promise<Joined> {
  const joined = await engine.join()
  const { client, id } = joined
  client.pause()
  // Its kernel takes some; what it has not taken by then stays, and twice as much is sent to be sure.
  for (let left = 2; left > 0; ) {
    engine.server.send(id, Buffer.alloc(256 * KIB))
    await new Promise((resolve) => setTimeout(resolve, 2))
    // What is on its way to the shard is buffered too, but not by a kernel that is full.
    if (engine.server.stats().queuedBytes > 0) left--
  }
  return joined
}

for (const { name, options: configuration } of ON_MAIN_AND_IN_THREADS) {
  t.test(`rows 5 6 7 25 26 41 75: every limit is counted and logged by its option: ${name}`, async (t) => {
    for (const { option, options, code, isRefusal, drive } of LIMITS) {
      t.test(option, async (t) => {
        asked = deferred()
        verdict = deferred()
        const limited = await startLimited(t, { ...configuration, ...options })
        const { engine, log } = limited
        await drive(engine)
        const stats = await assertReached(t, limited, option, isRefusal ? undefined : code)
        if (isRefusal && code !== undefined) t.equal(stats.rejected.reasons[code], 1)
        if (code === undefined) t.equal(stats.failures.total, 0, 'it ends no connection by an error')
        else
          await eventually('the record names the code', () => log.records.some(({ details }) => details.code === code))
        t.ok(
          Object.keys(stats.limits).every((each) => each === option),
          `no other limit is said to be reached: ${Object.keys(stats.limits)}`,
        )
      })
    }
  })
}

t.test('every option that is a limit is in the table', async (t) => {
  const { shard, ...main } = resolveOptions({ compression: true })
  const names = [...Object.keys(main), ...Object.keys(shard), ...Object.keys(shard.compression ?? {})]
  const limits = new Set(names.filter((name) => /^max[A-Z]|TimeoutMs$|PerSecond$|Ms$|^rateLimit$/.test(name)))
  // How often something is done, not how much.
  limits.delete('pingIntervalMs')
  const tried = new Set(LIMITS.map(({ option }) => option.replace('compression.', '')))
  t.same(
    [...limits].filter((name) => !tried.has(name) && !(name in ELSEWHERE)),
    [],
    'neither tried nor known to be tried elsewhere',
  )
  t.same(
    Object.values(ERRORS).flatMap(({ option }) =>
      option === undefined || option in ELSEWHERE || LIMITS.some((limit) => limit.option === option) ? [] : [option],
    ),
    [],
    'an error names it, the table does not',
  )
})
