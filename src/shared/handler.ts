import type { CanJoin } from './joining.ts'
import type { MessageSchema } from './message-validation.ts'
import type { Socket } from './socket.ts'
import type { UpgradeRequest } from './upgrade-request.ts'

/** What `verifyClient` and `upgrade` may answer instead of a boolean. */
export interface Verdict {
  /** Whether the handshake may go on. Default: true if `status` is absent. */
  readonly accept?: boolean
  /** HTTP status of the refusal, 400 to 599. Default 401. */
  readonly status?: number
  /** Header fields of the refusal. */
  readonly headers?: Readonly<Record<string, string>>
  /** Body of the refusal, text. Default: the reason phrase. */
  readonly body?: string
  /** Whom the client turned out to be: becomes `request.user` and `socket.data.user`. */
  readonly user?: unknown
}

/**
 * The parameters that a path names: `RouteParams<'/rooms/:room/*'>` is `{ room: string; '*': string }`. A path that is
 * not a literal names any.
 */
export type RouteParams<Path extends string> = string extends Path ? Record<string, string> : Params<Path>

type Params<Path extends string> = Path extends `${infer First}/${infer Rest}`
  ? Param<First> & Params<Rest>
  : Param<Path>

type Param<Segment extends string> = Segment extends `:${infer Name}`
  ? { readonly [key in Name]: string }
  : Segment extends '*'
    ? { readonly '*': string }
    : unknown

/**
 * What is done with the connections of a server or of one route, on main or, as a module's default export, in the shards.
 * What any of the functions throws or rejects with arrives at `error`.
 */
export interface Handler<Data = unknown, Params = Record<string, string>> {
  /**
   * Decides about a client before the 101, after `verifyClient`: true, or a `Verdict` with the HTTP answer or the user.
   * In a shard the user must be a value that can be cloned.
   */
  upgrade?(request: UpgradeRequest<Params>): boolean | Verdict | Promise<boolean | Verdict>
  /** Messages wait until its promise settles. */
  open?(socket: Socket<Data>, request: UpgradeRequest<Params>): unknown
  /**
   * Asked about every message of a new connection, one after the other, before `open`, until one says who it is: true, or
   * the user, which becomes `socket.user`. With false, null or undefined the message is forgotten and the next one is asked
   * about; `socket.send` and `socket.close` say why. What it throws or rejects with closes with 1008. See the option `auth`.
   */
  authenticate?(socket: Socket<Data>, message: string | Buffer, isBinary: boolean): unknown
  /** Text is a string, binary a Buffer: a view on a larger one, to be copied if it is kept for long. */
  message?(socket: Socket<Data>, message: string | Buffer, isBinary: boolean): unknown
  /** 1006: it ended without a closing handshake. */
  close?(socket: Socket<Data>, code: number, reason: string): unknown
  /** What went wrong with the connection; what its handlers throw arrives here too. */
  error?(socket: Socket<Data>, error: Error): unknown
  /** Everything queued has been written, after `send` returned false. */
  drain?(socket: Socket<Data>): unknown
  /** The peer has sent a ping; it has been answered. */
  ping?(socket: Socket<Data>, payload: Buffer): unknown
  /** The peer has answered a ping, or sent a pong unasked. */
  pong?(socket: Socket<Data>, payload: Buffer): unknown
  /**
   * In a shard, before the connection moves to another one (reload, resize, rebalance, a failing shard): what it returns is
   * given to `attach` there. It must be a value that can be cloned, as must be `data`, `metadata` and what was set on the socket.
   */
  detach?(socket: Socket<Data>): unknown
  /**
   * In a shard, after the connection has moved there: `state` is what `detach` has returned. Listeners do not move: a handler
   * that is a function is called again instead, with `socket.moves` greater than 0.
   */
  attach?(socket: Socket<Data>, state: unknown): unknown
  /** Decides about each join of its connections, after the limits, instead of `options.canJoin`. */
  readonly canJoin?: CanJoin
  /** What text messages must be: others, and binary ones, raise `error` with MESSAGE_INVALID and are not delivered. */
  readonly validate?: MessageSchema
  /** 'close' also closes with 1008. Default 'error'. */
  readonly onInvalid?: 'error' | 'close'
}

/** `open` alone; it may add listeners to the socket. */
export type HandlerFunction<Data = unknown, Params = Record<string, string>> = (
  socket: Socket<Data>,
  request: UpgradeRequest<Params>,
) => unknown

/**
 * Runs for every new connection after its 101 and before its handler, in the order of `use`. It lets the connection in
 * with `next()`, or refuses it: by returning false (close code 1008), with `socket.close(code, reason)`, by throwing or
 * with `next(error)` (1011 and `error`), or by not calling `next` within `middlewareTimeoutMs` (1008).
 */
export type Middleware<Data = unknown> = (
  socket: Socket<Data>,
  request: UpgradeRequest,
  next: (error?: unknown) => void,
) => unknown
