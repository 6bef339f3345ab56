import type { Peer } from './peer.ts'
import type { UpgradeRequest } from './upgrade-request.ts'

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

/** What a route does with its connections. What any of them throws or rejects with arrives at `error`. */
export interface RouteHandler<Data = unknown, Params = Record<string, string>> {
  /** Messages wait until its promise settles. */
  open?(socket: Peer<Data>, request: UpgradeRequest<Params>): unknown
  /** Text is a string, binary a Buffer: a view on a larger one, to be copied if it is kept for long. */
  message?(socket: Peer<Data>, message: string | Buffer, isBinary: boolean): unknown
  /** 1006: it ended without a closing handshake. */
  close?(socket: Peer<Data>, code: number, reason: string): unknown
  error?(socket: Peer<Data>, error: Error): unknown
  /** Everything queued has been written, after `send` returned false. */
  drain?(socket: Peer<Data>): unknown
}

/** `open` alone; it may add listeners to the socket. */
export type RouteFunction<Data = unknown, Params = Record<string, string>> = (
  socket: Peer<Data>,
  request: UpgradeRequest<Params>,
) => unknown

/**
 * Runs for every new connection after its 101 and before its handler, in the order of `use`. It lets the connection in
 * with `next()`, or refuses it: by returning false (close code 1008), with `socket.close(code, reason)`, by throwing or
 * with `next(error)` (1011 and `error`), or by not calling `next` within `middlewareTimeoutMs` (1008).
 */
export type Middleware<Data = unknown> = (
  socket: Peer<Data>,
  request: UpgradeRequest,
  next: (error?: unknown) => void,
) => unknown
