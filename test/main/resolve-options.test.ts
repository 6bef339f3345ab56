import { availableParallelism } from 'node:os'
import t from 'tap'
import { affordableMemory } from '../../src/main/memory-limit.ts'
import type { ResolvedOptions, WebSocketServerOptions } from '../../src/main/options.ts'
import { resolveOptions } from '../../src/main/resolve-options.ts'

type Name = keyof WebSocketServerOptions

interface Row {
  readonly read: (options: ResolvedOptions) => unknown
  readonly byDefault: unknown
  /** Accepted, with what it becomes where that differs. */
  readonly good: readonly (unknown | Becomes)[]
  readonly bad: readonly unknown[]
}

class Becomes {
  readonly given: unknown
  readonly resolved: unknown

  constructor(given: unknown, resolved: unknown) {
    this.given = given
    this.resolved = resolved
  }
}

const INT32_MAX = 2 ** 31 - 1
const nothing = (): void => {}
const LOGGER = { error: nothing, warn: nothing, info: nothing, debug: nothing }
const SCHEMA = { '~standard': { version: 1, vendor: 'test', validate: () => ({ value: 1 }) } } as const
const NO_NUMBER = ['1', null, true, Number.NaN, 1.5, {}, [1], 5n]
const NO_BOOLEAN = [0, 1, 'true', null, {}]
const NO_FUNCTION = ['f', null, 1, {}, true]

/** An integer from `least` to `most`, tested at both limits and one step beyond. */
function integer(read: Row['read'], byDefault: unknown, least: number, most: number): Row {
  return {
    read,
    byDefault,
    good: [least, least + 1, most - 1, most],
    bad: [least - 1, most + 1, Number.POSITIVE_INFINITY, ...NO_NUMBER],
  }
}

function cidrs(read: Row['read']): Row {
  return {
    read,
    byDefault: [],
    good: [[], ['192.0.2.1'], ['10.0.0.0/8', '2001:db8::/32', '::1', '0.0.0.0/0', '::/0']],
    bad: ['10.0.0.0/8', ['10.0.0/8'], ['10.0.0.0/33'], ['::/129'], ['example.com'], [''], [1], null, {}],
  }
}

function flag(read: Row['read']): Row {
  return { read, byDefault: false, good: [true, false], bad: NO_BOOLEAN }
}

const COMPRESSION = { level: 3, memLevel: 6, maxDedicatedContexts: 1000, inflateBytesPerSecond: 8 * 1024 * 1024 }

const REBALANCE = { intervalMs: 30_000, ratio: 1.25, minDifference: 16, maxMoves: 256 }

const MODULE = new URL(import.meta.url)
const COMPUTE = {
  filename: MODULE,
  maxThreads: availableParallelism(),
  minThreads: 0,
  maxQueue: 1000,
  idleTimeoutMs: 30_000,
  taskTimeoutMs: 0,
  startTimeoutMs: 30_000,
  resourceLimits: undefined,
  execArgv: undefined,
}
const HEAP = { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 24 }
const SESSIONS = { ttlMs: 120_000, max: 10_000, maxBytes: 64 * 1024 * 1024, maxDataBytes: 2048 }
const OUTBOX = { max: 100, drop: 'oldest', maxBytes: 16 * 1024 * 1024, maxUsers: 10_000, ttlMs: 3_600_000 }
const RATE = { messages: 10, perMs: 1000, burst: 20, bytesPerSecond: 0, action: 'close', graceMs: 5000 }

const ROWS: Readonly<Record<Name, Row>> = {
  shards: integer(({ shards }) => shards, Math.max(1, availableParallelism() - 1), 0, 256),
  placement: {
    read: ({ placement }) => placement,
    byDefault: 'least-connections',
    good: ['least-connections', 'round-robin', nothing],
    bad: ['random', '', null, 1, true, {}],
  },
  shardBy: {
    read: ({ shardBy }) => shardBy,
    byDefault: undefined,
    good: [nothing],
    bad: NO_FUNCTION,
  },
  compute: {
    read: ({ compute }) => compute,
    byDefault: null,
    good: [
      new Becomes({ filename: MODULE }, COMPUTE),
      new Becomes({ filename: MODULE, maxThreads: 1, maxQueue: 0 }, { ...COMPUTE, maxThreads: 1, maxQueue: 0 }),
      new Becomes(
        { filename: MODULE, maxThreads: 256, minThreads: 256 },
        { ...COMPUTE, maxThreads: 256, minThreads: 256 },
      ),
      new Becomes(
        { filename: MODULE, minThreads: 256, maxQueue: 1_000_000 },
        { ...COMPUTE, maxThreads: 256, minThreads: 256, maxQueue: 1_000_000 },
      ),
      new Becomes(
        { filename: MODULE, idleTimeoutMs: 0, taskTimeoutMs: INT32_MAX, startTimeoutMs: 100, resourceLimits: HEAP },
        { ...COMPUTE, idleTimeoutMs: 0, taskTimeoutMs: INT32_MAX, startTimeoutMs: 100, resourceLimits: HEAP },
      ),
    ],
    bad: [null, 'compute.js', 1, true],
  },
  shardReadyTimeoutMs: integer((options) => options.shardReadyTimeoutMs, 10_000, 100, 600_000),
  stallMs: {
    ...integer(({ stallMs }) => stallMs, 2000, 100, 600_000),
    good: [100, 101, 2500, 599_999, 600_000],
  },
  killMs: {
    ...integer(({ killMs }) => killMs, 10_000, 0, INT32_MAX),
    good: [0, 2001, 2002, INT32_MAX],
    bad: [-1, 1, 1999, 2000, INT32_MAX + 1, Number.POSITIVE_INFINITY, ...NO_NUMBER],
  },
  handleSignals: {
    read: ({ signalShutdown }) => signalShutdown,
    byDefault: null,
    good: [
      new Becomes(false, null),
      new Becomes(true, {}),
      {},
      {
        code: 1012,
        reason: '',
        notice: 'bye',
        graceMs: 5000,
        drainMs: 10_000,
        deadlineMs: 15_000,
        retryAfterSeconds: 1,
      },
    ],
    bad: [1, 'SIGTERM', null],
  },
  shardUrl: {
    read: ({ shardUrl }) => shardUrl,
    byDefault: undefined,
    good: [new URL('file:///shard.js')],
    bad: ['file:///shard.js', null, {}, 1],
  },
  execArgv: {
    read: ({ execArgv }) => execArgv,
    byDefault: undefined,
    good: [[], ['--expose-gc']],
    bad: ['--expose-gc', [1], null, {}],
  },
  resourceLimits: {
    read: ({ resourceLimits }) => resourceLimits,
    byDefault: HEAP,
    good: [
      new Becomes({}, HEAP),
      new Becomes({ maxOldGenerationSizeMb: 64 }, { ...HEAP, maxOldGenerationSizeMb: 64 }),
      new Becomes({ stackSizeMb: 8 }, { ...HEAP, stackSizeMb: 8 }),
    ],
    bad: [64, '64', null, true],
  },
  accept: {
    read: ({ accept }) => accept,
    byDefault: 'attach',
    good: ['attach', 'raw', 'acceptor'],
    bad: ['RAW', '', null, 1, true, {}],
  },
  tls: {
    read: ({ tls }) => tls,
    byDefault: null,
    // What may be in it: test/main/tls-options.test.ts.
    good: [],
    bad: ['cert', null, 1, true],
  },
  handoff: {
    read: ({ handoff }) => handoff,
    byDefault: undefined,
    good: ['transfer', 'descriptor', 'relay'],
    bad: ['local', 'TRANSFER', '', null, 1],
  },
  maxPayload: integer(({ shard }) => shard.maxPayload, 1024 * 1024, 1, INT32_MAX),
  maxFragments: integer(({ shard }) => shard.maxFragments, 1024, 1, INT32_MAX),
  maxExternalBytes: {
    read: ({ shard }) => shard.maxExternalBytes,
    byDefault: 1024 ** 3,
    good: [16 * 1024 ** 2, Number.MAX_SAFE_INTEGER],
    bad: [16 * 1024 ** 2 - 1, Number.POSITIVE_INFINITY, ...NO_NUMBER],
  },
  maxMemoryBytes: {
    read: ({ maxMemoryBytes }) => maxMemoryBytes,
    byDefault: affordableMemory(),
    good: [64 * 1024 ** 2, 64 * 1024 ** 2 + 1, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY],
    bad: [64 * 1024 ** 2 - 1, Number.NEGATIVE_INFINITY, ...NO_NUMBER],
  },
  maxControlRate: integer(({ shard }) => shard.maxControlRate, 100, 0, 1_000_000),
  maxPendingPongs: integer(({ shard }) => shard.maxPendingPongs, 16, 1, 10_000),
  maxUnprocessedMessages: integer(({ shard }) => shard.maxUnprocessedMessages, 256, 1, INT32_MAX),
  maxUnprocessedBytes: integer(({ shard }) => shard.maxUnprocessedBytes, 1024 * 1024, 1, INT32_MAX),
  messageTimeoutMs: integer(({ shard }) => shard.messageTimeoutMs, 30_000, 0, INT32_MAX),
  rateLimit: {
    read: ({ shard }) => shard.rateLimit,
    byDefault: null,
    good: [
      new Becomes({ messages: 10 }, RATE),
      new Becomes({ messages: 1, perMs: 10 }, { ...RATE, messages: 1, perMs: 10, burst: 2 }),
      { messages: 1_000_000, perMs: 3_600_000, burst: 1, bytesPerSecond: 1, action: 'drop', graceMs: 0 },
    ],
    bad: [10, 'close', null, true],
  },
  maxBackpressure: integer(({ shard }) => shard.maxBackpressure, 1024 * 1024, 1, INT32_MAX),
  maxShardBackpressure: integer(
    ({ shard }) => shard.maxShardBackpressure,
    64 * 1024 * 1024,
    1,
    Number.MAX_SAFE_INTEGER,
  ),
  slowConsumer: {
    read: ({ shard }) => shard.slowConsumer,
    byDefault: 'drop',
    good: ['drop', 'close', 'buffer'],
    bad: ['', 'Drop', null, 0, true],
  },
  compression: {
    read: ({ shard }) => shard.compression,
    byDefault: null,
    good: [
      new Becomes(false, null),
      new Becomes('disabled', null),
      ...[true, 'shared', 'dedicated', {}].map((given) => new Becomes(given, COMPRESSION)),
      new Becomes(
        { level: 9, memLevel: 1, maxDedicatedContexts: 0, inflateBytesPerSecond: 1 },
        { level: 9, memLevel: 1, maxDedicatedContexts: 0, inflateBytesPerSecond: 1 },
      ),
    ],
    bad: ['on', '', null, 1],
  },
  compressThreshold: integer(({ shard }) => shard.compressThreshold, 1024, 0, INT32_MAX),
  maxCompressedSize: integer(({ shard }) => shard.maxCompressedSize, 1024 * 1024, 1, INT32_MAX),
  protocols: {
    read: ({ protocols }) => protocols,
    byDefault: [],
    good: [[], ['chat'], ['v1.json', 'a~b']],
    bad: ['chat', ['a b'], [''], [1], [null], null, {}, ['a,b']],
  },
  handleProtocols: {
    read: ({ handleProtocols }) => handleProtocols,
    byDefault: undefined,
    good: [() => false],
    bad: NO_FUNCTION,
  },
  requireProtocol: flag(({ requireProtocol }) => requireProtocol),
  allowOrigins: {
    read: ({ allowOrigins }) => allowOrigins,
    byDefault: [],
    good: [[], ['*'], ['https://a.example', /b/, () => true]],
    bad: ['https://a.example', [1], [null], [{}], null, /a/],
  },
  trustProxy: {
    read: ({ guards }) => guards.trustProxy,
    byDefault: false,
    good: [true, false, 0, 1, 100, [], ['10.0.0.0/8', '::1'], () => true],
    bad: [-1, 101, 1.5, '10.0.0.0/8', ['10.0.0.0/33'], [1], null, {}],
  },
  allowIps: cidrs(({ guards }) => guards.allowIps),
  denyIps: cidrs(({ guards }) => guards.denyIps),
  maxConnectionsPerIp: integer(({ guards }) => guards.maxConnectionsPerIp, 0, 0, 1_048_576),
  connectionRate: {
    read: ({ guards }) => guards.connectionRate,
    byDefault: null,
    good: [
      new Becomes({ perIp: 5 }, { perIp: 5, windowMs: 60_000, burst: 5, maxAddresses: 65_536 }),
      { perIp: 1, windowMs: 10, burst: 1, maxAddresses: 1 },
      { perIp: 1_000_000, windowMs: 3_600_000, burst: 1_000_000, maxAddresses: 10_000_000 },
    ],
    bad: [5, '5', null, true],
  },
  validate: {
    read: ({ guards }) => guards.validate,
    byDefault: null,
    good: [SCHEMA, Object.assign(() => true, SCHEMA)],
    bad: [{}, { '~standard': null }, { '~standard': { ...SCHEMA['~standard'], version: 2 } }, nothing, null, 'zod'],
  },
  onInvalid: {
    read: ({ guards }) => guards.onInvalid,
    byDefault: 'error',
    good: ['error', 'close'],
    bad: ['drop', '', null, true],
  },
  auth: {
    read: ({ shard, authenticate }) => [shard.isAuthRequired, shard.authTimeoutMs, authenticate],
    byDefault: [false, 10_000, undefined],
    good: [
      new Becomes({}, [true, 10_000, undefined]),
      new Becomes({ mode: 'in-band', authenticate: nothing, timeoutMs: 0 }, [true, 0, nothing]),
      new Becomes({ timeoutMs: INT32_MAX }, [true, INT32_MAX, undefined]),
    ],
    bad: ['in-band', true, null, nothing],
  },
  binaryType: {
    read: ({ shard }) => shard.binaryType,
    byDefault: 'buffer',
    good: ['buffer', 'arraybuffer', 'uint8array'],
    bad: ['blob', '', null, 1],
  },
  serialize: flag(({ shard }) => shard.serialize),
  autoRebalance: {
    read: ({ autoRebalance }) => autoRebalance,
    byDefault: null,
    good: [
      new Becomes(false, null),
      new Becomes(true, REBALANCE),
      new Becomes({}, REBALANCE),
      new Becomes(
        { intervalMs: 100, ratio: 1, minDifference: 2, maxMoves: 1 },
        { intervalMs: 100, ratio: 1, minDifference: 2, maxMoves: 1 },
      ),
    ],
    bad: ['true', 1, null],
  },
  presence: {
    read: ({ rooms }) => rooms.presence,
    byDefault: null,
    good: [new Becomes(false, null), () => 'here', () => null],
    bad: ['true', 1, null, {}],
  },
  history: {
    read: ({ rooms }) => rooms.history,
    byDefault: {},
    good: [{}, { record: nothing }, { replay: nothing, record: nothing, more: 1 }],
    bad: [true, 'room', null, 1],
  },
  maxCoalescedKeys: integer(({ shard }) => shard.maxCoalescedKeys, 10_000, 1, 1_000_000),
  maxDevicesPerUser: integer(({ users }) => users.maxDevicesPerUser, 100, 1, 1_048_576),
  outbox: {
    read: ({ users }) => users.outbox,
    byDefault: null,
    good: [
      new Becomes({}, OUTBOX),
      { max: 1, drop: 'newest', maxBytes: 1, maxUsers: 1, ttlMs: 1 },
      { max: 10_000, drop: 'oldest', maxBytes: Number.MAX_SAFE_INTEGER, maxUsers: 10_000_000, ttlMs: INT32_MAX },
    ],
    bad: [100, true, null, 'oldest'],
  },
  sessions: {
    read: ({ sessions }) => sessions,
    byDefault: null,
    good: [
      new Becomes(false, null),
      new Becomes(true, SESSIONS),
      new Becomes({}, SESSIONS),
      { ttlMs: 1, max: 1, maxBytes: 1, maxDataBytes: 0 },
      { ttlMs: INT32_MAX, max: 10_000_000, maxBytes: Number.MAX_SAFE_INTEGER, maxDataBytes: 1_048_576 },
    ],
    bad: [1, 'true', null],
  },
  requireOrigin: flag(({ requireOrigin }) => requireOrigin),
  handler: {
    read: ({ handler }) => handler,
    byDefault: undefined,
    good: [() => {}, { message: () => {} }, new URL('file:///chat.js')],
    bad: ['./chat.js', null, 1],
  },
  verifyClient: {
    read: ({ verifyClient }) => verifyClient,
    byDefault: undefined,
    good: [() => true, async () => ({ status: 403 })],
    bad: NO_FUNCTION,
  },
  maxConnections: {
    read: ({ maxConnections }) => maxConnections,
    byDefault: 10_000,
    good: [1, 2, 1_048_575, 1_048_576, new Becomes(Number.POSITIVE_INFINITY, 1_048_576)],
    bad: [0, -1, 1_048_577, Number.NEGATIVE_INFINITY, ...NO_NUMBER],
  },
  maxRooms: integer(({ maxRooms }) => maxRooms, 100_000, 1, 10_000_000),
  maxRoomsPerConnection: integer((options) => options.maxRoomsPerConnection, 128, 1, 1_000_000),
  maxRoomSize: {
    read: ({ maxRoomSize }) => maxRoomSize,
    byDefault: Number.POSITIVE_INFINITY,
    good: [1, 2, 1_048_575, 1_048_576, Number.POSITIVE_INFINITY],
    bad: [0, -1, 1_048_577, Number.NEGATIVE_INFINITY, ...NO_NUMBER],
  },
  canJoin: {
    read: ({ canJoin }) => canJoin,
    byDefault: undefined,
    good: [() => true, async () => false],
    bad: NO_FUNCTION,
  },
  handshakeTimeoutMs: integer((options) => options.handshakeTimeoutMs, 10_000, 100, 600_000),
  // At most handshakeTimeoutMs, which is 10000 here.
  verifyTimeoutMs: integer((options) => options.verifyTimeoutMs, 5000, 100, 10_000),
  middlewareTimeoutMs: integer(({ shard }) => shard.middlewareTimeoutMs, 10_000, 0, INT32_MAX),
  maxPendingHandshakes: integer((options) => options.maxPendingHandshakes, 1024, 1, 1_048_576),
  maxHeaderFields: integer((options) => options.maxHeaderFields, 100, 5, 1000),
  maxUrlLength: integer((options) => options.maxUrlLength, 4096, 1, 65_536),
  pingIntervalMs: integer(({ shard }) => shard.pingIntervalMs, 30_000, 0, INT32_MAX),
  livenessMs: integer(({ shard }) => shard.livenessMs, 45_000, 0, INT32_MAX),
  idleTimeoutMs: integer(({ shard }) => shard.idleTimeoutMs, 0, 0, INT32_MAX),
  closeTimeoutMs: integer(({ shard }) => shard.closeTimeoutMs, 10_000, 10, 600_000),
  maxLifetimeMs: integer(({ shard }) => shard.maxLifetimeMs, 0, 0, INT32_MAX),
  logger: {
    read: ({ logger }) => typeof logger.error,
    byDefault: 'function',
    good: [new Becomes(LOGGER, 'function')],
    bad: [null, {}, nothing, 'console', { ...LOGGER, debug: 1 }],
  },
  logLevel: {
    read: nothing,
    byDefault: undefined,
    good: ['error', 'warn', 'info', 'debug'].map((given) => new Becomes(given, undefined)),
    bad: ['trace', 'WARN', '', 3, null],
  },
  debug: { ...flag(nothing), byDefault: undefined, good: [true, false].map((given) => new Becomes(given, undefined)) },
  maxPayloadLength: integer(({ shard }) => shard.maxPayload, 1024 * 1024, 1, INT32_MAX),
  idleTimeout: {
    read: ({ shard }) => shard.idleTimeoutMs,
    byDefault: 0,
    good: [0, 1, 120, 2_147_483].map((seconds) => new Becomes(seconds, seconds * 1000)),
    bad: [-1, 2_147_484, 0.5, ...NO_NUMBER],
  },
}

/** As a caller without types would. */
function resolve(name: string, value: unknown): ResolvedOptions {
  return resolveOptions({ [name]: value } as WebSocketServerOptions)
}

for (const [name, { read, byDefault, good, bad }] of Object.entries(ROWS)) {
  t.test(`options.${name}`, async (t) => {
    t.same(read(resolveOptions()), byDefault, 'default')
    t.same(read(resolve(name, undefined)), byDefault, 'undefined is the default')
    for (const each of good) {
      const { given, resolved } = each instanceof Becomes ? each : new Becomes(each, each)
      t.same(read(resolve(name, given)), resolved, `accepts ${String(given)}`)
    }
    for (const value of bad) {
      const message = new RegExp(`^options\\.${name} must be .+, got .+`)
      t.throws(() => resolve(name, value), { code: 'OPTION_INVALID', message }, `refuses ${typeof value}`)
    }
  })
}

t.test('a message says what was expected and what came', async (t) => {
  for (const [name, value, message] of [
    ['shards', '4', 'options.shards must be an integer from 0 to 256, got "4"'],
    ['shards', 257, 'options.shards must be an integer from 0 to 256, got 257'],
    ['slowConsumer', 'kill', 'options.slowConsumer must be one of "drop", "close", "buffer", got "kill"'],
    ['debug', {}, 'options.debug must be true or false, got an object'],
    ['verifyClient', [], 'options.verifyClient must be a function, got an array'],
    ['protocols', nothing, 'options.protocols must be an array of subprotocol tokens, got a function'],
    ['maxConnections', 0, 'options.maxConnections must be an integer from 1 to 1048576, or Infinity, got 0'],
    [
      'logLevel',
      'x'.repeat(100),
      `options.logLevel must be 'error', 'warn', 'info' or 'debug', got "${'x'.repeat(40)}"`,
    ],
  ] as const) {
    t.throws(() => resolve(name, value), { message })
  }
})

t.test('an unknown option is named, with the nearest one', async (t) => {
  for (const [name, nearest] of [
    ['maxPayLoad', 'maxPayload'],
    ['shard', 'shards'],
    ['idleTimeOutMs', 'idleTimeoutMs'],
    ['origins', 'allowOrigins'],
    ['maxMessageSize', ''],
    ['toString', ''],
    ['__proto_', ''],
  ] as const) {
    const message = new RegExp(`^options\\.${name} is unknown; did you mean options\\.${nearest}`)
    t.throws(() => resolve(name, 1), { code: 'OPTION_UNKNOWN', message }, name)
    t.throws(() => resolve(name, undefined), { code: 'OPTION_UNKNOWN' }, `${name}: undefined`)
  }
})

t.test('an option under both its names is a contradiction', async (t) => {
  for (const [alias, name] of [
    ['maxPayloadLength', 'maxPayload'],
    ['idleTimeout', 'idleTimeoutMs'],
  ] as const) {
    const message = `options.${alias} is another name of options.${name}; give only one`
    t.throws(() => resolveOptions({ [alias]: 100, [name]: 100 }), { code: 'OPTION_INVALID', message })
    t.doesNotThrow(() => resolveOptions({ [alias]: 100, [name]: undefined }), 'undefined is not given')
    t.doesNotThrow(() => resolveOptions({ [alias]: undefined, [name]: 100 }))
  }
})

t.test('options that are no object', async (t) => {
  for (const options of [null, 1, 'shards', true, nothing]) {
    t.throws(() => resolveOptions(options as unknown as WebSocketServerOptions), {
      code: 'OPTION_INVALID',
      message: /^options must be an object, got /,
    })
  }
})

t.test('without pings there is no liveness deadline', async (t) => {
  t.equal(resolveOptions({ pingIntervalMs: 0 }).shard.livenessMs, 0)
  t.equal(resolveOptions({ pingIntervalMs: 0, livenessMs: 5 }).shard.livenessMs, 0)
  t.equal(resolveOptions({ pingIntervalMs: 1, livenessMs: 5 }).shard.livenessMs, 5)
})

t.test('compute: the limits of each of its options', async (t) => {
  const bad = {
    filename: [undefined, MODULE.pathname, new URL('https://example.com/compute.js'), new URL('absent.js', MODULE)],
    maxThreads: [0, 257, 1.5],
    minThreads: [-1, 257, '1'],
    maxQueue: [-1, 1_000_001, Number.POSITIVE_INFINITY],
    idleTimeoutMs: [-1, INT32_MAX + 1],
    taskTimeoutMs: [-1, INT32_MAX + 1],
    startTimeoutMs: [99, 600_001],
    resourceLimits: [1, null],
  }
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      t.throws(
        () => resolveOptions({ compute: { filename: MODULE, [name]: value } }),
        { code: 'OPTION_INVALID', message: new RegExp(`^options\\.compute\\.${name} `) },
        `${name}: ${String(value)}`,
      )
    }
  }
  t.throws(() => resolveOptions({ compute: { filename: MODULE, maxThreads: 2, minThreads: 3 } }), {
    code: 'OPTION_INVALID',
    message: /^options\.compute\.minThreads must be at most options\.compute\.maxThreads, which is 2/,
  })
  t.throws(() => resolveOptions({ compute: { filename: MODULE, threads: 2 } as never }), { code: 'OPTION_UNKNOWN' })
})

t.test('placement and shardBy exclude each other', async (t) => {
  const shardBy = (): string => 'key'
  for (const placement of ['least-connections', 'round-robin', () => 0] as const) {
    t.throws(() => resolveOptions({ placement, shardBy }), {
      code: 'OPTION_INVALID',
      message: /options\.placement and options\.shardBy/,
    })
  }
  t.equal(resolveOptions({ shardBy }).shardBy, shardBy)
})

t.test('row 27: verifyClient has no longer than the handshake it is part of', async (t) => {
  t.match(resolveOptions({ handshakeTimeoutMs: 300 }), { handshakeTimeoutMs: 300, verifyTimeoutMs: 300 })
  t.match(resolveOptions({ handshakeTimeoutMs: 60_000 }), { verifyTimeoutMs: 5000 })
  t.match(resolveOptions({ handshakeTimeoutMs: 60_000, verifyTimeoutMs: 60_000 }), { verifyTimeoutMs: 60_000 })
  t.throws(() => resolveOptions({ handshakeTimeoutMs: 300, verifyTimeoutMs: 301 }), {
    code: 'OPTION_INVALID',
    message: 'options.verifyTimeoutMs must be at most options.handshakeTimeoutMs, which is 300, got 301',
  })
})

t.test('row 8: a shard is not replaced before it is noticed, and is looked at often enough', async (t) => {
  t.match(resolveOptions({ stallMs: 100 }), { killMs: 10_000, shard: { beatMs: 25 } })
  t.match(resolveOptions({ stallMs: 6000 }), { killMs: 12_000, shard: { beatMs: 250 } })
  t.match(resolveOptions({ stallMs: 100, killMs: 101 }), { stallMs: 100, killMs: 101 })
  t.throws(() => resolveOptions({ stallMs: 100, killMs: 100 }), {
    code: 'OPTION_INVALID',
    message: 'options.killMs must be 0 or more than options.stallMs, which is 100, got 100',
  })
})

t.test('SH05: handleSignals: what each of its options must be, by the name the caller wrote', async (t) => {
  for (const [name, value] of [
    ['code', 1005],
    ['reason', 1],
    ['notice', 1],
    ['graceMs', -1],
    ['drainMs', 1.5],
    ['deadlineMs', null],
    ['deadlineMs', 999],
    ['retryAfterSeconds', 0],
  ] as const) {
    const handleSignals = { graceMs: 400, drainMs: 600, [name]: value } as never
    const message = new RegExp(`^options\\.handleSignals\\.${name} must be `)
    t.throws(() => resolveOptions({ handleSignals }), { code: 'OPTION_INVALID', message }, name)
  }
  t.throws(() => resolveOptions({ handleSignals: { graceMS: 1 } as never }), {
    code: 'OPTION_UNKNOWN',
    message: 'options.handleSignals.graceMS is unknown; did you mean options.handleSignals.graceMs?',
  })
})

t.test('a logger is used as it is', async (t) => {
  t.equal(resolveOptions({ logger: LOGGER }).logger, LOGGER)
})

t.test('debug and logLevel set the level of the default logger', async (t) => {
  const { args } = t.capture(process.stderr, 'write', () => true)
  const lines = (options: WebSocketServerOptions): string[] => {
    const { logger } = resolveOptions(options)
    for (const level of ['error', 'warn', 'info', 'debug'] as const) logger[level]({}, level)
    return args().map(([line]) => /shardws (\w+):/.exec(String(line))?.[1] ?? '')
  }
  t.same(lines({}), ['error', 'warn'])
  t.same(lines({ logLevel: 'error' }), ['error'])
  t.same(lines({ logLevel: 'info' }), ['error', 'warn', 'info'])
  t.same(lines({ debug: true, logLevel: 'error' }), ['error', 'warn', 'info', 'debug'])
  t.same(lines({ debug: false }), ['error', 'warn'])
})

t.test('what was resolved does not change', async (t) => {
  const given: WebSocketServerOptions = { maxPayload: 10 }
  const resolved = resolveOptions(given)
  given.maxPayload = 20
  t.equal(resolved.shard.maxPayload, 10)
  t.ok(Object.isFrozen(resolved))
  t.ok(Object.isFrozen(resolved.shard))
  t.same(given, { maxPayload: 20 }, 'and the options given are left alone')
})

t.test('compression in full: what each field must be, by the name the caller wrote', async (t) => {
  for (const [name, bad] of [
    ['mode', ['on', true, null]],
    ['level', [0, 10, 1.5, '3']],
    ['memLevel', [0, 10]],
    ['serverMaxWindowBits', [8, 16]],
    ['clientMaxWindowBits', [8, 16]],
    ['maxDedicatedContexts', [-1, Number.POSITIVE_INFINITY]],
  ] as const) {
    for (const value of bad) {
      t.throws(() => resolveOptions({ compression: { [name]: value } as object }), {
        code: 'OPTION_INVALID',
        message: new RegExp(`^options\\.compression\\.${name} must be `),
      })
    }
  }
  t.throws(() => resolveOptions({ compression: { levle: 3 } as object }), {
    code: 'OPTION_UNKNOWN',
    message: /did you mean options\.compression\.level\?/,
  })
  t.throws(() => resolveOptions({ compression: [] as object }), { code: 'OPTION_INVALID' })
})

t.test('compression: who keeps contexts, and the windows', async (t) => {
  t.equal(resolveOptions().deflatePolicy, null)
  t.same(resolveOptions({ compression: 'shared' }).deflatePolicy, {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 13,
    clientMaxWindowBits: 13,
  })
  t.same(resolveOptions({ compression: { mode: 'dedicated', serverMaxWindowBits: 15 } }).deflatePolicy, {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 13,
  })
})

t.test('rateLimit: the limits of each of its options', async (t) => {
  const bad = {
    messages: [0, 1_000_001, 1.5, '1', undefined],
    perMs: [9, 3_600_001],
    burst: [0, 1_000_001],
    bytesPerSecond: [-1, INT32_MAX + 1],
    action: ['reject', '', null],
    graceMs: [-1, 3_600_001],
  }
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      const rateLimit = { messages: 1, [name]: value }
      t.throws(() => resolveOptions({ rateLimit: rateLimit as never }), {
        code: 'OPTION_INVALID',
        message: new RegExp(`^options\\.rateLimit\\.${name} `),
      })
    }
  }
  t.throws(() => resolveOptions({ rateLimit: { mesages: 1 } as never }), { code: 'OPTION_UNKNOWN' })
})

t.test('autoRebalance: the limits of each of its options, and what it excludes', async (t) => {
  const limits = {
    intervalMs: [100, 3_600_000],
    ratio: [1, 100],
    minDifference: [2, 1_000_000],
    maxMoves: [1, 1_000_000],
  }
  for (const [name, [least = 0, most = 0]] of Object.entries(limits)) {
    for (const value of [least, least + 1, most - 1, most]) {
      t.match(resolveOptions({ autoRebalance: { [name]: value } }).autoRebalance, { ...REBALANCE, [name]: value })
    }
    for (const value of [least - 1, most + 1, Number.NaN, '9', null]) {
      t.throws(() => resolveOptions({ autoRebalance: { [name]: value } as never }), {
        code: 'OPTION_INVALID',
        message: new RegExp(`^options\\.autoRebalance\\.${name} `),
      })
    }
  }
  t.throws(() => resolveOptions({ autoRebalance: { rate: 1 } as never }), { code: 'OPTION_UNKNOWN' })
  t.throws(() => resolveOptions({ autoRebalance: [] as never }), { code: 'OPTION_INVALID' })
  for (const [options, why] of [
    [{ shardBy: () => 1 }, /shardBy/],
    [{ shards: 0 }, /shards is 0/],
  ] as const) {
    t.throws(() => resolveOptions({ autoRebalance: true, ...options }), { code: 'OPTION_INVALID', message: why })
    t.equal(resolveOptions({ autoRebalance: false, ...options }).autoRebalance, null)
  }
})

t.test('outbox: the limits of each of its options', async (t) => {
  const bad = {
    max: [0, 10_001, 1.5, '1'],
    drop: ['first', '', null],
    maxBytes: [0, Number.POSITIVE_INFINITY],
    maxUsers: [0, 10_000_001],
    ttlMs: [0, INT32_MAX + 1],
  }
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      t.throws(() => resolveOptions({ outbox: { [name]: value } as never }), {
        code: 'OPTION_INVALID',
        message: new RegExp(`^options\\.outbox\\.${name} `),
      })
    }
  }
  t.throws(() => resolveOptions({ outbox: { maks: 1 } as never }), { code: 'OPTION_UNKNOWN' })
})

t.test('auth: the limits of each of its options', async (t) => {
  const bad = { mode: ['before', true, null], authenticate: [true, 'jwt', null], timeoutMs: [-1, INT32_MAX + 1, 1.5] }
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      t.throws(() => resolveOptions({ auth: { [name]: value } as never }), {
        code: 'OPTION_INVALID',
        message: new RegExp(`^options\\.auth\\.${name} `),
      })
    }
  }
  t.throws(() => resolveOptions({ auth: { timeout: 1 } as never }), { code: 'OPTION_UNKNOWN' })
})

t.test('history: hooks that are no functions', async (t) => {
  for (const name of ['record', 'replay']) {
    const message = `options.history.${name} must be a function`
    t.throws(() => resolveOptions({ history: { [name]: 1 } as never }), { code: 'OPTION_INVALID', message })
  }
})

t.test('AU15 connectionRate: the limits of each of its options', async (t) => {
  const bad = {
    perIp: [0, 1_000_001, 1.5, '1', undefined],
    windowMs: [9, 3_600_001],
    burst: [0, 1_000_001],
    maxAddresses: [0, 10_000_001],
  }
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      const connectionRate = { perIp: 1, [name]: value }
      t.throws(() => resolveOptions({ connectionRate: connectionRate as never }), {
        code: 'OPTION_INVALID',
        message: new RegExp(`^options\\.connectionRate\\.${name} `),
      })
    }
  }
  t.throws(() => resolveOptions({ connectionRate: { perIP: 1 } as never }), { code: 'OPTION_UNKNOWN' })
})

t.test('options.sessions: one beyond each limit', async (t) => {
  for (const [name, ...values] of [
    ['ttlMs', 0, INT32_MAX + 1],
    ['max', 0, 10_000_001],
    ['maxBytes', 0, 2 ** 53],
    ['maxDataBytes', -1, 1_048_577],
  ] as const) {
    for (const value of values) {
      t.throws(() => resolve('sessions', { [name]: value }), {
        code: 'OPTION_INVALID',
        message: new RegExp(`^options\\.sessions\\.${name} must be`),
      })
    }
  }
  t.throws(() => resolve('sessions', { ttl: 1 }), {
    code: 'OPTION_UNKNOWN',
    message: /did you mean options\.sessions\.ttlMs/,
  })
})
