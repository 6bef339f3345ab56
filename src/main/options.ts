import type { IncomingMessage } from 'node:http'
import type { ResourceLimits } from 'node:worker_threads'
import type { Handler, HandlerFunction, Verdict } from '../shared/handler.ts'
import type { CanJoin } from '../shared/joining.ts'
import type { ShardOptions, SlowConsumerPolicy } from '../shared/messages.ts'
import type { DeflatePolicy } from '../shared/protocol/permessage-deflate.ts'
import type { StrategyName } from '../shared/ticket.ts'
import type { ComputeOptions, ResolvedCompute } from './compute-options.ts'
import type { EntranceOptions, ResolvedEntrance } from './entrance-options.ts'
import type { GuardOptions, ResolvedGuards } from './guard-options.ts'
import type { AuthOptions, HandlerOptions } from './handler-options.ts'
import type { HandshakeOptions, ResolvedHandshake } from './handshake-options.ts'
import type { Logger, LogLevel } from './logger.ts'
import type { PlacementOptions } from './placement.ts'
import type { RateLimit } from './rate-limit-options.ts'
import type { RebalanceOptions, ResolvedRebalance } from './rebalance-options.ts'
import type { ResolvedRoomOptions, RoomOptions } from './room-options.ts'
import type { ResolvedSessions, SessionsOption } from './session-options.ts'
import type { ShutdownOptions } from './shutdown-options.ts'
import type { ResolvedUsers, UserOptions } from './user-options.ts'

/** What `verifyClient`, which has the request's socket, may answer besides. */
export interface ClientVerdict extends Verdict {
  /**
   * The client has been answered on `request.socket` already, with `status`: the handshake ends, and what is left of the
   * answer and the end of the socket are up to who has answered. What the client still sends is ignored. Default false.
   */
  readonly answered?: boolean
}

/** Decides about a client before the 101, with Node's own request. What it throws or rejects with is 500. */
export type VerifyClient = (request: IncomingMessage) => boolean | ClientVerdict | Promise<boolean | ClientVerdict>

/** `compression` in full. */
export interface CompressionOptions {
  /** Whether connections keep their contexts from message to message. Default 'shared': they do not. */
  readonly mode?: 'shared' | 'dedicated'
  /** zlib's effort, 1 to 9. Default 3. */
  readonly level?: number
  /** zlib's memory per compressor, 1 to 9. Default 6. */
  readonly memLevel?: number
  /** Base-2 logarithm of our window in bytes, 9 to 15. Default 13. */
  readonly serverMaxWindowBits?: number
  /** The same of the client's, if it can be told. Default 13. */
  readonly clientMaxWindowBits?: number
  /** Connections per shard that may keep contexts; later ones get 'shared'. Default 1000. */
  readonly maxDedicatedContexts?: number
  /** Bytes that one connection's messages may inflate to in a second, twice as many at once, 1 to 2^31 - 1; more closes with 1008. Default 8 MiB. */
  readonly inflateBytesPerSecond?: number
}

/** Everything is optional. An unknown, mistyped or out-of-range option throws OPTION_UNKNOWN or OPTION_INVALID. */
export interface WebSocketServerOptions
  extends EntranceOptions,
    GuardOptions,
    HandlerOptions,
    HandshakeOptions,
    RebalanceOptions,
    RoomOptions,
    SessionsOption,
    UserOptions {
  /** Worker threads, 0 to 256. 0 runs the same shard code on the main thread. Default: one fewer than the cores, at least 1. */
  shards?: number
  /**
   * Which shard a new connection goes to. 'least-connections': the one with the fewest; 'round-robin': the next one; both
   * pass over shards that cannot take it now. A function names the shard itself; one that throws or names none costs that
   * client 500. Default 'least-connections'.
   */
  placement?: PlacementOptions['placement']
  /**
   * Connections of the same key meet on the same shard, instead of `placement`. Which one depends on the key and on how many
   * shards there are, by rendezvous hashing: one shard more or fewer moves only the keys that it gets or had. If that shard
   * cannot take the connection now, the handshake waits for it, and gets 503 when `handshakeTimeoutMs` is over.
   */
  shardBy?: PlacementOptions['shardBy']
  /** Milliseconds in which a starting shard must become ready, 100 to 600000. Default 10000. */
  shardReadyTimeoutMs?: number
  /**
   * Milliseconds, 100 to 600000. A shard whose thread stands still for longer gets no new connections until it runs again.
   * Time in which main or the whole process stands still does not count. Default 2000.
   */
  stallMs?: number
  /**
   * Milliseconds, more than `stallMs`. A shard whose thread stands still for longer is replaced at once and its connections
   * are lost (1006). 0 = never. Default 10000, or twice `stallMs` if that is more.
   */
  killMs?: number
  /** Module of the shard, for bundlers that move it; that of the acceptor is beside it. Default: the one in this package. */
  shardUrl?: URL
  /** Node options of the shard threads. Default: those of the process. */
  execArgv?: readonly string[]
  /**
   * Heap limits of one shard thread, as for `worker_threads.Worker`; they do not count Buffers. A shard over 80 % of its heap
   * gets no new connections, over 90 % it closes the longest queue, over 95 % everybody moves to a fresh shard; whoever
   * has not after 3 s is closed with 1012.
   * Default `{ maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 24 }`: V8's own young generation is twice as large or more,
   * stays resident once it has been filled by a rush of handshakes, and does not make messages cheaper.
   */
  resourceLimits?: ResourceLimits
  /** Bytes outside the heap (Buffers) that one shard thread may hold, from 16 MiB; watched like the heap. Default 1 GiB. */
  maxExternalBytes?: number
  /**
   * Bytes of resident memory that the whole process may hold, from 64 MiB, or Infinity. From 80 % of it on connections get no
   * compression contexts, from 90 % newcomers get 503, from 95 % the connections with the longest queues are closed with
   * 1013, from 98 % what connects to a server of `listen` is closed unread. Each step is taken back 5 % below. Default: what the
   * container (cgroup) allows, or else the machine's memory.
   */
  maxMemoryBytes?: number
  /** Forces a hand-off strategy instead of probing; for tests. */
  handoff?: Exclude<StrategyName, 'local'>

  /** Largest message in bytes, 1 to 2^31 - 1; a larger one closes with 1009. Default 1 MiB. */
  maxPayload?: number
  /** Frames of one message, 1 to 2^31 - 1; one more closes with 1008. Default 1024. */
  maxFragments?: number
  /** Bytes queued for one connection; past it `slowConsumer` decides. A message is always admitted to an empty queue. Default 1 MiB. */
  maxBackpressure?: number
  /** Bytes queued in one shard; past it the longest queue, of a peer that reads nothing if there is one, is closed with 1013. Default 64 MiB. */
  maxShardBackpressure?: number
  /** Pings and unasked pongs of one peer in a second; one more closes with 1008. 0 = unlimited, at most 1000000. Default 100. */
  maxControlRate?: number
  /** Pongs queued for a peer that does not read, 1 to 10000; after that only its latest ping is answered. Default 16. */
  maxPendingPongs?: number
  /** How many messages and bytes one peer may send. Default: as many as are taken. */
  rateLimit?: RateLimit
  /**
   * Messages of one connection that asynchronous `message` listeners work on, 1 to 2^31 - 1; at the limit the connection is
   * not read until half of them are done. A batch on its way may go over it. Default 256.
   */
  maxUnprocessedMessages?: number
  /** The same in payload bytes, 1 to 2^31 - 1. Default 1 MiB. */
  maxUnprocessedBytes?: number
  /** Milliseconds from a message's first byte to its last, 0 to 2^31 - 1; then 1008. 0 = unlimited. Default 30000. */
  messageTimeoutMs?: number
  /** 'drop' refuses the newest message, 'close' closes with 1013, 'buffer' queues on. Default 'drop'. */
  slowConsumer?: SlowConsumerPolicy
  /**
   * permessage-deflate (RFC 7692). true and 'shared': every message is compressed by itself, connections cost no zlib
   * memory; 'dedicated': connections keep their contexts. Default false, as 'disabled'.
   */
  compression?: boolean | 'shared' | 'dedicated' | 'disabled' | CompressionOptions
  /** Bytes from which on a message is compressed. Default 1024. */
  compressThreshold?: number
  /** Largest message in bytes as it is compressed on the wire, 1 to 2^31 - 1; a larger one closes with 1009. Default: `maxPayload`. */
  maxCompressedSize?: number

  /** Decides about a client before the 101. Default: everyone. */
  verifyClient?: VerifyClient
  /**
   * Handles the connections that no route takes: a function or an object on main, or the URL of a module whose default
   * export is one of these and which every shard loads. Default: only the listeners of the server hear of them.
   */
  handler?: Handler | HandlerFunction | URL

  /** Rooms at a time, 1 to 10000000; a join that would make one more returns false. Default 100000. */
  maxRooms?: number
  /** Rooms of one connection, joins that `canJoin` has not decided included, 1 to 1000000; one more returns false. Default 128. */
  maxRoomsPerConnection?: number
  /** Members of one room, 1 to 1048576, or Infinity; one more join returns false. Default Infinity. */
  maxRoomSize?: number
  /** Decides about each join, after the limits. Default: everyone. */
  canJoin?: CanJoin

  /**
   * Connections and handshakes under way, 1 to 1048576; Infinity means the latter. Over it: 503. If the process may not open
   * 256 files more than that (`ulimit -n`), as many fewer, or half of its files if those are few. Default 10000.
   */
  maxConnections?: number
  /** Milliseconds for the middleware of one connection, 0 to 2^31 - 1; then 1008. 0 = unlimited. Default 10000. */
  middlewareTimeoutMs?: number
  /** Milliseconds between pings, ± 10 % for the first; 0 = no pings and no liveness deadline. Default 30000. */
  pingIntervalMs?: number
  /** Milliseconds without any byte from the peer after which the connection is destroyed (1006); 0 = never. Default 45000. */
  livenessMs?: number
  /** Milliseconds without any byte from the peer after which the connection is closed with 1001; 0 = never. Default 0. */
  idleTimeoutMs?: number
  /** Milliseconds to wait for the peer's close frame, 10 to 600000. Default 10000. */
  closeTimeoutMs?: number
  /** Milliseconds after which a connection is closed with 1001, ± 10 %; 0 = never. Default 0. */
  maxLifetimeMs?: number

  /** Threads for `compute.run`. Default: none, and `run` rejects. */
  compute?: ComputeOptions

  /**
   * Whether the first SIGTERM or SIGINT begins a `shutdown`, with these options if they are given, and the second one destroys
   * everything at once. The process is not ended: it ends by itself when nothing else keeps it alive. Default false.
   */
  handleSignals?: boolean | ShutdownOptions
  /** Receives log records; pino fits. Default: lines on the standard error from `logLevel` up. */
  logger?: Logger
  /** Default 'warn'. */
  logLevel?: LogLevel
  /** The same as `logLevel: 'debug'`. Default false. */
  debug?: boolean

  /** NexureJS name of `maxPayload`. */
  maxPayloadLength?: number
  /** NexureJS name of `idleTimeoutMs`, in seconds. */
  idleTimeout?: number
}

export interface ResolvedOptions extends PlacementOptions, ResolvedEntrance, ResolvedHandshake {
  readonly shards: number
  readonly shardReadyTimeoutMs: number
  readonly stallMs: number
  /** 0 = never. */
  readonly killMs: number
  readonly shardUrl: URL | undefined
  readonly execArgv: readonly string[] | undefined
  readonly resourceLimits: ResourceLimits
  readonly maxMemoryBytes: number
  readonly handoff: Exclude<StrategyName, 'local'> | undefined
  readonly shard: ShardOptions
  /** Null: compression is never agreed on. */
  readonly deflatePolicy: DeflatePolicy | null
  readonly guards: ResolvedGuards
  readonly users: ResolvedUsers
  /** Null: there are none. */
  readonly sessions: ResolvedSessions | null
  readonly verifyClient: VerifyClient | undefined
  readonly handler: WebSocketServerOptions['handler']
  readonly rooms: ResolvedRoomOptions
  /** Null: never. */
  readonly autoRebalance: ResolvedRebalance | null
  readonly maxRooms: number
  readonly maxRoomsPerConnection: number
  readonly maxRoomSize: number
  readonly canJoin: CanJoin | undefined
  /** Null: there is none. */
  readonly compute: ResolvedCompute | null
  readonly maxConnections: number
  readonly authenticate: AuthOptions['authenticate']
  /** What a signal begins, null for nothing. */
  readonly signalShutdown: ShutdownOptions | null
  readonly logger: Logger
}
