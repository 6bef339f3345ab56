import type { IncomingHttpHeaders } from 'node:http'
import type { SecureContextOptions } from 'node:tls'
import type { MessagePort } from 'node:worker_threads'
import type { BinaryType } from './binary-type.ts'
import type { ConnectionKey } from './connection-key.ts'
import type { HandshakeLimits } from './protocol/handshake.ts'
import type { Agreement, DeflatePolicy } from './protocol/permessage-deflate.ts'
import type { TakerSetup, Ticket } from './ticket.ts'
import type { RequestFields } from './upgrade-request.ts'

/** What a connection does when its peer reads too slowly and `maxBackpressure` is reached. */
export type SlowConsumerPolicy = 'drop' | 'close' | 'buffer'

/** How a message is to be sent, as bits. */
export const SendFlag = {
  BINARY: 1,
  /** Not to be compressed, whatever was agreed on. */
  PLAIN: 2,
  /** From another shard: main, which counts what it has posted, knows nothing of it. */
  FROM_SHARD: 4,
} as const

/** What compression may cost a shard. */
export interface CompressionLimits {
  /** zlib's effort, 1 to 9. */
  readonly level: number
  /** zlib's memory per compressor, 1 to 9. */
  readonly memLevel: number
  readonly maxDedicatedContexts: number
  /** Of one connection. */
  readonly inflateBytesPerSecond: number
}

/** How much one peer may send. */
export interface RateLimitOptions {
  readonly messages: number
  readonly perMs: number
  /** Messages at once. */
  readonly burst: number
  /** Payload bytes, twice as many at once; 0 = unlimited. */
  readonly bytesPerSecond: number
  readonly action: 'pause' | 'drop' | 'error' | 'close'
  readonly graceMs: number
}

/** The options a shard needs. Times in milliseconds, 0 = off; sizes in bytes. */
export interface ShardOptions {
  readonly maxPayload: number
  /** As on the wire, of a compressed message. */
  readonly maxCompressedSize: number
  readonly compressThreshold: number
  readonly compression: CompressionLimits | null
  readonly maxFragments: number
  readonly maxBackpressure: number
  readonly maxShardBackpressure: number
  readonly slowConsumer: SlowConsumerPolicy
  /** Pings and pongs of one peer a second; 0 = unlimited. */
  readonly maxControlRate: number
  readonly maxPendingPongs: number
  readonly rateLimit: RateLimitOptions | null
  /** Messages of one connection, and their bytes, that the application works on. Watched by main. */
  readonly maxUnprocessedMessages: number
  readonly maxUnprocessedBytes: number
  /** Bytes outside the heap of one shard. */
  readonly maxExternalBytes: number
  readonly maxCoalescedKeys: number
  /** Serialized bytes of `data` that a session may hold. */
  readonly maxSessionData: number
  /** See `DispatchOptions`. */
  readonly authTimeoutMs: number
  readonly isAuthRequired: boolean
  readonly serialize: boolean
  readonly binaryType: BinaryType
  readonly messageTimeoutMs: number
  readonly pingIntervalMs: number
  readonly livenessMs: number
  readonly idleTimeoutMs: number
  readonly closeTimeoutMs: number
  readonly maxLifetimeMs: number
  /** Between two beats in shared memory. */
  readonly beatMs: number
  readonly maxRooms: number
  readonly maxRoomsPerConnection: number
  readonly maxRoomSize: number
  readonly middlewareTimeoutMs: number
}

/** The argument of a shard's one endless task. */
export interface ShardTask {
  readonly index: number
  readonly port: MessagePort
  readonly credit: SharedArrayBuffer
  readonly counters: SharedArrayBuffer
  readonly connections: SharedArrayBuffer
  readonly taker: TakerSetup
  readonly interest: SharedArrayBuffer
  /** URLs of the handler modules that main has named so far, by index. */
  readonly modules: readonly string[]
  /** Whether clients of whom nothing was read will come: `openGate` follows. */
  readonly opensGates: boolean
  readonly options: ShardOptions
}

/** How the handler of a connection on its own thread gets to know it. */
export interface Handled {
  /** Index of the module. */
  readonly module: number
  readonly request: Omit<RequestFields, 'user'>
  /** As of `encodeValue`. */
  readonly user: Uint8Array
  /** Main's middleware has not let it in yet, or `restore` is to come: `admit` or `close` follows. */
  readonly isHeld: boolean
}

/** Connections on their way from one shard to another. */
export interface Moving {
  /** Number of the move. */
  readonly move: number
  readonly from: number
  readonly to: number
  readonly keys: readonly ConnectionKey[]
}

/** What is posted on its own, not in a batch, because it needs a transfer list, or its place among those that do. */
export type Parcel = Adopt | Connect | Disconnect | Accept | Arrive | Forward | OpenGate | Secure | Rule

/** How clients are let in without main's word. */
export interface Rule {
  readonly kind: 'rule'
  /** Null: not at all. */
  readonly rules: DoorRules | null
}

/** The options of an opening handshake, as far as they are data. */
export interface DoorRules extends HandshakeLimits {
  readonly allowOrigins: readonly (string | RegExp)[]
  readonly requireOrigin: boolean
  readonly protocols: readonly string[]
  readonly requireProtocol: boolean
  /** Clients that ask for a session are main's. */
  readonly hasSessions: boolean
  /** Null: compression is never agreed on. */
  readonly deflatePolicy: DeflatePolicy | null
  readonly maxDedicatedContexts: number
  readonly maxConnections: number
  readonly verifyTimeoutMs: number
  /** `module`: which one serves it; null: main does. */
  readonly routes: readonly { readonly path: string; readonly module: number | null }[]
}

/** A connection that its shard has let in without main's word. */
export interface Admitted {
  readonly handled: Handled
  readonly agreement: Agreement | null
}

/** Connections come unread over this port from now on: see `Arrival`. */
export interface OpenGate {
  readonly kind: 'openGate'
  readonly port: MessagePort
  readonly front: FrontOptions
}

/** Other certificates for connections that come from now on. */
export interface Secure {
  readonly kind: 'secure'
  readonly tls: TlsContexts
}

/** How a shard meets clients of whom nothing was read. Times in milliseconds. */
export interface FrontOptions {
  /** Connections whose request is not complete, at a time. */
  readonly maxPending: number
  /** From the accepted connection to the 101. */
  readonly handshakeTimeoutMs: number
  /** Null: plain TCP. */
  readonly tls: FrontTls | null
}

export interface FrontTls {
  readonly contexts: TlsContexts
  /** Of all shards, so that a session that one has begun can be resumed on another. 48 bytes. */
  readonly ticketKeys: Uint8Array
  /** Whether clients are asked for a certificate, and refused without a valid one. */
  readonly requestCert: boolean
  readonly rejectUnauthorized: boolean
}

/** What `tls.createSecureContext` takes, as far as it can cross threads. */
export interface TlsContext extends Pick<SecureContextOptions, TlsContextName> {}

export type TlsContextName =
  | 'ca'
  | 'cert'
  | 'ciphers'
  | 'crl'
  | 'dhparam'
  | 'ecdhCurve'
  | 'key'
  | 'maxVersion'
  | 'minVersion'
  | 'passphrase'
  | 'pfx'
  | 'sigalgs'

export interface TlsContexts {
  /** For clients that name no server, or one that `byName` does not know. */
  readonly fallback: TlsContext
  /** By server name in lower case; `*.` stands for one label. */
  readonly byName: Readonly<Record<string, TlsContext>>
}

/** A complete upgrade request that a shard has read, for main to decide about. */
export interface Knock {
  readonly method: string
  readonly url: string
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingHttpHeaders
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly isEncrypted: boolean
  /** The name that the client has asked TLS for, '' for none. */
  readonly servername: string
  /** What TLS thinks of the client's certificate; false without one. */
  readonly isAuthorized: boolean
  /** As of `TLSSocket.getPeerCertificate()`, null unless `requestCert`. */
  readonly certificate: object | null
  /** Milliseconds since the connection was accepted. */
  readonly waitedMs: number
}

/** The socket of a connection that has moved, from main, by way of which it has come. */
export interface Forward {
  readonly kind: 'forward'
  readonly key: ConnectionKey
  readonly ticket: Ticket
}

/** What the shard at the other end needs to take sockets over this link. */
export interface Accept {
  readonly kind: 'accept'
  readonly taker: TakerSetup
}

/** A connection that moves from one shard to another. */
export interface Arrive {
  readonly kind: 'arrive'
  readonly move: number
  readonly key: ConnectionKey
  /** A `ConnectionSnapshot`: shards know its shape. */
  readonly connection: unknown
  readonly rooms: readonly string[]
  /** A `SocketSnapshot`, null if main handles it. */
  readonly socket: unknown
  readonly ticket: Ticket
}

/** A socket on its way to a shard. */
export interface Adopt {
  readonly kind: 'adopt'
  readonly key: ConnectionKey
  /** Bytes that the client sent after its handshake and that main has read. */
  readonly head: Uint8Array | null
  /** What was agreed on compression, null for none. */
  readonly agreement: Agreement | null
  /** Whether main is to hear of pings and pongs. */
  readonly isWatched: boolean
  /** Text that goes out before everything else, null for none. */
  readonly greeting: string | null
  /** Null: main handles it. */
  readonly handled: Handled | null
  readonly ticket: Ticket
}

/** Who of an audience does not get a message: these connections and the members of these rooms. */
export interface Excluded {
  readonly keys: readonly ConnectionKey[]
  readonly rooms: readonly string[]
}

export const NOBODY: Excluded = { keys: [], rooms: [] }

/** What has become of a task that a handler in a shard has had computed. */
export interface ComputeAnswer {
  readonly hasFailed: boolean
  /** An ErrorCode, '' for another error or none. */
  readonly code: string
  /** As of `encodeValue` or, if it has failed, of `encodeError`. */
  readonly result: Uint8Array
}

/** One end of the link between two shards. */
export interface Connect {
  readonly kind: 'connect'
  /** Index of the shard at the other end. */
  readonly sibling: number
  readonly port: MessagePort
  readonly credit: SharedArrayBuffer
  readonly end: 0 | 1
}

/** The shard at the other end has ended, as far as main can tell; its index may be given to another one from now on. */
export interface Disconnect {
  readonly kind: 'disconnect'
  readonly sibling: number
}

/** A message for many connections. */
export interface FanOut {
  /** Complete, header included. */
  readonly frame: Uint8Array | SharedArrayBuffer
  readonly payloadBytes: number
  readonly excluded: Excluded
  /** See `SendFlag`. */
  readonly flags: number
}

/** A `FanOut` as the other end gets it. */
export interface ReceivedFanOut extends FanOut {
  readonly frame: Buffer
}
