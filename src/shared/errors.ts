/**
 * Every failure the engine can name: its stable code, what it means, and what the peer is told.
 *
 * `closeCode` is the WebSocket close code sent to the peer, `status` the HTTP status of a refused
 * opening handshake. A row with neither is a mistake of the calling code and is thrown.
 */
interface ErrorRow {
  readonly message: string
  readonly closeCode?: number
  readonly status?: number
  /** The option whose limit was reached. */
  readonly option?: string
}

const TABLE = {
  // ── the caller's mistakes: thrown ──
  OPTION_UNKNOWN: { message: 'unknown option' },
  OPTION_INVALID: { message: 'an option has the wrong type or is out of range' },
  ARGUMENT_INVALID: { message: 'an argument has the wrong type or is out of range' },
  NOT_TRANSFERABLE: { message: 'the socket cannot be handed to a shard' },
  SERVER_CLOSED: { message: 'the server has been shut down' },
  ALREADY_LISTENING: { message: 'the server is listening already' },
  WEBSOCKET_NOT_ENABLED: { message: 'WebSocket is not enabled on this application' },
  EXPRESS_MISSING: { message: 'Express is not installed: npm install express' },
  PROM_CLIENT_MISSING: { message: 'prom-client is not installed: npm install prom-client' },

  // ── a task of `compute.run`: rejected ──
  COMPUTE_QUEUE_FULL: { message: 'more tasks wait for a thread than compute.maxQueue', option: 'compute.maxQueue' },
  COMPUTE_TIMEOUT: { message: 'the task ran longer than compute.taskTimeoutMs', option: 'compute.taskTimeoutMs' },
  COMPUTE_FAILED: { message: 'a compute thread ended or could not start' },

  // ── a shard's failure: reported to the supervisor, `ready()` and the `shard` event ──
  SHARD_FAILED: { message: 'a shard ended unexpectedly' },
  SHARD_START_FAILED: { message: 'a shard did not become ready' },
  SHARD_STALLED: { message: 'a shard stood still for killMs and is replaced', option: 'killMs' },
  ACCEPTOR_FAILED: { message: 'the acceptor thread has ended: nobody is accepted until the next one listens' },
  HANDLER_LOAD_FAILED: { message: 'a handler module could not be loaded', status: 500 },
  LINK_FULL: { message: 'main is too far behind to be asked' },
  UNKNOWN_MESSAGE: { message: 'an unknown message crossed a link' },

  // ── refused opening handshakes: RFC 6455 §4.2 ──
  BAD_REQUEST: { message: 'malformed opening handshake', status: 400 },
  UNAUTHORIZED: { message: 'the client was refused by verifyClient or upgrade', status: 401 },
  NOT_UPGRADED: { message: 'the request was answered by verifyClient or a route instead of being upgraded' },
  ORIGIN_FORBIDDEN: { message: 'the origin is not allowed', status: 403 },
  ADDRESS_FORBIDDEN: { message: 'the address is not allowed', status: 403 },
  PATH_NOT_FOUND: { message: 'no WebSocket endpoint at this path', status: 404 },
  METHOD_NOT_ALLOWED: { message: 'the opening handshake must be a GET request', status: 405 },
  REQUEST_TIMEOUT: {
    message: 'the request took longer than handshakeTimeoutMs',
    status: 408,
    option: 'handshakeTimeoutMs',
  },
  HANDSHAKE_TIMEOUT: {
    message: 'the opening handshake took longer than handshakeTimeoutMs',
    status: 503,
    option: 'handshakeTimeoutMs',
  },
  URI_TOO_LONG: { message: 'the request target is longer than maxUrlLength', status: 414, option: 'maxUrlLength' },
  UPGRADE_REQUIRED: { message: 'this endpoint speaks WebSocket version 13 only', status: 426 },
  TOO_MANY_CONNECTIONS: {
    message: 'more connections of one address than maxConnectionsPerIp',
    status: 429,
    option: 'maxConnectionsPerIp',
  },
  CONNECTION_RATE: {
    message: 'more opening handshakes of one address than connectionRate allows',
    status: 429,
    option: 'connectionRate',
  },
  TLS_FAILED: { message: 'TLS could not be agreed on with the client' },
  HEADERS_TOO_LARGE: { message: 'more header fields than maxHeaderFields', status: 431, option: 'maxHeaderFields' },
  VERIFY_FAILED: { message: 'verifyClient or upgrade threw, rejected or gave no valid answer', status: 500 },
  PLACEMENT_FAILED: { message: 'placement or shardBy threw or returned no valid answer', status: 500 },
  VERIFY_TIMEOUT: {
    message: 'verifyClient or upgrade took longer than verifyTimeoutMs',
    status: 503,
    option: 'verifyTimeoutMs',
  },
  TOO_MANY_HANDSHAKES: {
    message: 'more opening handshakes at once than maxPendingHandshakes',
    status: 503,
    option: 'maxPendingHandshakes',
  },
  OVER_CAPACITY: { message: 'the server has reached maxConnections', status: 503, option: 'maxConnections' },
  NO_SHARD: { message: 'no shard can take the connection now', status: 503 },
  MEMORY_SHORT: { message: 'the process is close to maxMemoryBytes', status: 503, option: 'maxMemoryBytes' },
  SHUTTING_DOWN: { message: 'the server is shutting down', status: 503 },

  // ── the peer broke the protocol: the connection is failed, RFC 6455 §7.1.7 ──
  RESERVED_BITS: { message: 'reserved bits must be 0', closeCode: 1002 },
  INVALID_OPCODE: { message: 'reserved opcode', closeCode: 1002 },
  UNEXPECTED_CONTINUATION: { message: 'continuation frame outside a fragmented message', closeCode: 1002 },
  EXPECTED_CONTINUATION: { message: 'data frame inside a fragmented message', closeCode: 1002 },
  FRAGMENTED_CONTROL: { message: 'control frames must not be fragmented', closeCode: 1002 },
  CONTROL_TOO_LONG: { message: 'control frame payload exceeds 125 bytes', closeCode: 1002 },
  MASK_REQUIRED: { message: 'client frames must be masked', closeCode: 1002 },
  MASK_FORBIDDEN: { message: 'server frames must not be masked', closeCode: 1002 },
  LENGTH_NOT_MINIMAL: { message: 'payload length is not encoded minimally', closeCode: 1002 },
  LENGTH_OUT_OF_RANGE: { message: 'payload length has its most significant bit set', closeCode: 1002 },
  INVALID_CLOSE_CODE: { message: 'invalid close code', closeCode: 1002 },
  INVALID_CLOSE_PAYLOAD: { message: 'a close payload of one byte', closeCode: 1002 },
  INVALID_UTF8: { message: 'text is not valid UTF-8', closeCode: 1007 },
  INVALID_COMPRESSED_DATA: { message: 'a compressed message is no valid DEFLATE data', closeCode: 1007 },
  TOO_MANY_FRAGMENTS: { message: 'the message exceeds maxFragments', closeCode: 1008, option: 'maxFragments' },
  CONTROL_FLOOD: {
    message: 'more pings and pongs a second than maxControlRate',
    closeCode: 1008,
    option: 'maxControlRate',
  },
  MESSAGE_TIMEOUT: {
    message: 'the message took longer than messageTimeoutMs',
    closeCode: 1008,
    option: 'messageTimeoutMs',
  },
  INFLATE_BUDGET: {
    message: 'compressed messages inflate to more bytes a second than inflateBytesPerSecond',
    closeCode: 1008,
    option: 'compression.inflateBytesPerSecond',
  },
  MESSAGE_INVALID: { message: 'the message does not match the schema', closeCode: 1008 },
  RATE_LIMITED: { message: 'more messages or bytes than rateLimit allows', closeCode: 1008, option: 'rateLimit' },
  COMPRESSED_TOO_BIG: {
    message: 'the compressed message exceeds maxCompressedSize',
    closeCode: 1009,
    option: 'maxCompressedSize',
  },
  MESSAGE_TOO_BIG: { message: 'the message exceeds maxPayload', closeCode: 1009, option: 'maxPayload' },

  // ── told to the application; the connection stays open ──
  ROOM_LIMIT: { message: 'a room or connection has reached maxRooms, maxRoomsPerConnection or maxRoomSize' },

  // ── a connection ended for another reason ──
  SLOW_CONSUMER: { message: 'the peer reads too slowly', closeCode: 1013, option: 'maxBackpressure' },
  SHARD_BACKPRESSURE: {
    message: 'the peer reads too slowly for a shard that is over maxShardBackpressure',
    closeCode: 1013,
    option: 'maxShardBackpressure',
  },
  SHARD_MEMORY_SHED: { message: 'the peer reads too slowly for a shard that is short of memory', closeCode: 1013 },
  MEMORY_SHED: {
    message: 'the peer reads too slowly for a process that is close to maxMemoryBytes',
    closeCode: 1013,
    option: 'maxMemoryBytes',
  },
  SHARD_EXHAUSTED: { message: 'the shard has run out of memory and is replaced', closeCode: 1012 },
  MIDDLEWARE_TIMEOUT: {
    message: 'middleware did not call next within middlewareTimeoutMs',
    closeCode: 1008,
    option: 'middlewareTimeoutMs',
  },
  AUTH_TIMEOUT: {
    message: 'the client did not say who it is within auth.timeoutMs',
    closeCode: 1008,
    option: 'auth.timeoutMs',
  },
  TRANSPORT_FAILED: { message: 'the TCP connection failed' },
} as const satisfies Record<string, ErrorRow>

/** The codes of a `ShardwsError`; they do not change. */
export type ErrorCode = keyof typeof TABLE

export const ERRORS: Readonly<Record<ErrorCode, ErrorRow>> = TABLE

/** In the order of the table. */
export const ERROR_CODES = Object.keys(TABLE) as readonly ErrorCode[]

/** The only error class the engine throws or emits: `code` is stable, `message` is for people. */
export class ShardwsError extends Error {
  /** 'ShardwsError'. */
  override readonly name = 'ShardwsError'
  /** What to compare with: the message may change. */
  readonly code: ErrorCode
  /** WebSocket close code sent to the peer, when the error ends one connection. */
  readonly closeCode: number | undefined
  /** HTTP status sent to the peer, when the error refuses an opening handshake. */
  readonly status: number | undefined

  constructor(code: ErrorCode, message: string = ERRORS[code].message, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.closeCode = ERRORS[code].closeCode
    this.status = ERRORS[code].status
  }
}
