import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { Duplex } from 'node:stream'
import type { AttachOptions } from '../main/attachment.ts'
import type { Compute } from '../main/compute-pool.ts'
import { EmitterListeners } from '../main/emitter-listeners.ts'
import { Engine } from '../main/engine.ts'
import { Entrances } from '../main/entrances.ts'
import { type Health, healthOf } from '../main/health.ts'
import { type ConnectionQueue, longestQueues } from '../main/longest-queues.ts'
import type { WebSocketServerOptions } from '../main/options.ts'
import { processMetrics, register, resetProcessMetrics, unregister } from '../main/process-metrics.ts'
import { resolveOptions } from '../main/resolve-options.ts'
import type { RoomsOverview } from '../main/rooms.ts'
import type { WebSocketServerEvents } from '../main/server-events.ts'
import type { ShutdownReport } from '../main/shutdown.ts'
import type { ShutdownOptions } from '../main/shutdown-options.ts'
import { endOnSignals, type Signals } from '../main/signals.ts'
import { type PerformanceMetrics, type Stats, statsOf } from '../main/stats.ts'
import type { SecureContextOptions } from '../main/tls-options.ts'
import type { TopologyReport } from '../main/topology.ts'
import type { User } from '../main/user.ts'
import { Audience } from '../shared/audience.ts'
import { Dispatcher } from '../shared/dispatcher.ts'
import { ShardwsError } from '../shared/errors.ts'
import type { Handler, HandlerFunction, Middleware, RouteParams } from '../shared/handler.ts'
import { assertRoom } from '../shared/room-name.ts'
import type { BroadcastOptions, PublishOptions, SendOptions } from '../shared/send-options.ts'
import type { Socket } from '../shared/socket.ts'

/**
 * A WebSocket server whose connections live on worker threads. Connections are known by id; listeners run on
 * the thread that made the server.
 */
export class WebSocketServer<Data = unknown> extends EventEmitter<WebSocketServerEvents> {
  /** Which rooms there are and who is in them. */
  readonly rooms: RoomsOverview
  /** Work for threads of their own, by the option `compute`. */
  readonly compute: Compute
  /**
   * Small data that is read much more than written. Handlers, on main and in the shards, see what was set last as
   * `socket.server.state`; in the shards it is a copy. Values are what `structuredClone` takes; others throw ARGUMENT_INVALID.
   */
  readonly state: Map<string, unknown>
  readonly #engine: Engine
  readonly #dispatcher: Dispatcher
  readonly #listeners: EmitterListeners
  readonly #startedMs = performance.now()
  readonly #entrances: Entrances
  readonly #signals: Signals | null

  /** The figures of every server of this process together, read from shared memory. */
  static getPerformanceMetrics(): PerformanceMetrics {
    return processMetrics()
  }

  /** Sets the totals of the process back to zero; `connections` stays what it is. */
  static resetPerformanceMetrics(): void {
    resetProcessMetrics()
  }

  /** Starts the shards. @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
  constructor(options: WebSocketServerOptions = {}) {
    super({ captureRejections: true })
    const resolved = resolveOptions(options)
    const listeners = new EmitterListeners(this)
    this.#listeners = listeners
    this.#dispatcher = new Dispatcher(listeners, resolved.shard, resolved.authenticate)
    this.#engine = new Engine(resolved, this.#dispatcher, {
      onShardEvent: (event) => listeners.onShardEvent(event),
      onPost: (message) => listeners.emit('post', message),
      onErrorListenerFailed: (error) => listeners.onErrorListenerFailed(error),
      onDraining: (plan) => listeners.emit('draining', plan),
    })
    listeners.belongTo(this.#engine, this.#dispatcher)
    this.#entrances = new Entrances(this.#engine)
    this.state = this.#engine.state
    this.rooms = this.#engine.rooms.overview()
    this.compute = Object.freeze<Compute>({ run: (task, options) => this.#engine.compute.run(task, options) })
    const { signalShutdown, logger } = resolved
    const ending = { shutdown: () => this.shutdown(signalShutdown ?? {}), force: () => this.#engine.forceShutdown() }
    this.#signals = signalShutdown && endOnSignals(ending, logger)
    register(this.#engine)
  }

  /**
   * Fulfilled when every shard adopts connections and has loaded the handler modules. Rejects with SHARD_START_FAILED when a
   * shard cannot start, and with HANDLER_LOAD_FAILED, whose `cause` is the error, when one cannot load a module; clients of
   * that module's route get 500 then.
   */
  ready(): Promise<void> {
    return this.#engine.ready()
  }

  /**
   * Makes an HTTP server for WebSocket only (other requests get 426) and resolves once it listens and every shard is ready.
   *
   * @throws ShardwsError ALREADY_LISTENING, SERVER_CLOSED; rejects with the error of `net.Server.listen` or of `ready()`.
   */
  async listen(port: number, host?: string, callback?: () => void): Promise<AddressInfo> {
    const address = await this.#entrances.listen(port, host)
    callback?.()
    return address
  }

  /** Where `listen` listens, or null. */
  address(): AddressInfo | null {
    return this.#entrances.address
  }

  /**
   * Takes the `upgrade` requests of a server of yours. With `path` (exact), other paths are left to its other
   * `upgrade` listeners, and get 404 if there are none.
   */
  attach(server: Server | HttpsServer, options: AttachOptions = {}): this {
    this.#entrances.attach(server, options)
    return this
  }

  /**
   * Replaces the certificates of `options.tls` in every shard, and in those that start later: connections that come from now
   * on get the new ones, open ones go on. Like `options.tls` without `requestCert` and `rejectUnauthorized`; what is left out
   * is gone, `sni` too.
   *
   * @throws ShardwsError ARGUMENT_INVALID for what is no usable certificate, or without `options.tls`; SERVER_CLOSED.
   */
  setSecureContext(context: SecureContextOptions): void {
    this.#entrances.secure(context)
  }

  /**
   * Takes one `upgrade` event. A bad handshake is answered with its HTTP status, never thrown.
   *
   * @throws ShardwsError ARGUMENT_INVALID when the arguments are not those of an `upgrade` event; SERVER_CLOSED.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // While it drains, the client gets 503: a request that comes a moment too late is nobody's mistake.
    if (this.#engine.supervisor.isStopped) throw new ShardwsError('SERVER_CLOSED')
    if (typeof request?.rawHeaders !== 'object') throw badArgument('request', 'an http.IncomingMessage')
    if (!(socket instanceof Duplex)) throw badArgument('socket', 'the socket of the upgrade event')
    if (!Buffer.isBuffer(head)) throw badArgument('head', 'the Buffer of the upgrade event')
    this.#engine.accept(request, socket, head)
  }

  /**
   * Serves the connections to a path: by a function, which may add listeners to the socket, by an object (see `Handler`), or,
   * in the shards, by a module whose default export is one of these. Text is a string for them, binary a Buffer. While a
   * promise of the function or of `open` is pending, messages wait. Segments are text, `:name` or, as the last one, `*` (whatever
   * follows, `params['*']`); text comes before `:name`, that before `*`, whatever was added first. As soon as there is a
   * route, a path without one gets 404.
   *
   * @throws ShardwsError ARGUMENT_INVALID, also when there is such a route already.
   */
  route<const Path extends string>(
    path: Path | readonly Path[],
    handler: Handler<Data, RouteParams<Path>> | HandlerFunction<Data, RouteParams<Path>> | URL,
  ): this {
    this.#engine.route(path, handler as Handler | HandlerFunction | URL)
    return this
  }

  /**
   * Adds a middleware: see `Middleware`. It runs for every connection that opens from now on, with a route or without;
   * messages wait meanwhile. What can be decided before the 101 is better decided in `verifyClient`.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  use(middleware: Middleware<Data>): this {
    if (typeof middleware !== 'function') throw badArgument('middleware', 'a function')
    this.#dispatcher.use(middleware as Middleware)
    this.#engine.admissions.onRulesChanged()
    return this
  }

  /**
   * Sends a text (string) or binary message to one connection. False: unknown id, not open, or over its
   * high-water mark; in the last case `drain` tells when to go on.
   */
  send(id: string, message: string | Uint8Array, options?: boolean | SendOptions): boolean {
    return this.#engine.send(id, message, options)
  }

  /**
   * Sends to every open connection; the frame is built once. False if a shard was too far behind to take it:
   * its connections do not get it, and it is counted in `stats().dropped.link`.
   */
  broadcast(message: string | Uint8Array, options: boolean | BroadcastOptions = {}): boolean {
    return this.#engine.broadcast(message, options)
  }

  /**
   * Puts a connection into a room. True: it is a member and gets whatever is published from now on. False: unknown id,
   * not open, `maxRooms`, `maxRoomsPerConnection`, `maxRoomSize`, `canJoin`, or its shard is too far behind; counted in
   * `stats().refusedJoins`; the limits also raise `error` with ROOM_LIMIT. It leaves by itself when it closes.
   *
   * @param room 1 to 255 bytes of UTF-8 without NUL and lone surrogates.
   * @throws ShardwsError ARGUMENT_INVALID, also when `canJoin` answers with a promise: a promise is true in every `if`.
   */
  join(id: string, room: string): boolean {
    return this.#member(id, room)?.join(room) ?? false
  }

  /** As `join`, and waits for `canJoin`. A `leave` meanwhile has nothing to leave. Rejects with ShardwsError ARGUMENT_INVALID. */
  async joinAsync(id: string, room: string): Promise<boolean> {
    return this.#member(id, room)?.joinAsync(room) ?? false
  }

  /** Takes a connection out of a room: it gets nothing that is published from now on. False: it was not in it. @throws ShardwsError ARGUMENT_INVALID */
  leave(id: string, room: string): boolean {
    return this.#member(id, room)?.leave(room) ?? false
  }

  /** As `join`: rooms are channels. @throws ShardwsError ARGUMENT_INVALID */
  subscribe(id: string, channel: string): boolean {
    return this.join(id, channel)
  }

  /** As `leave`. @throws ShardwsError ARGUMENT_INVALID */
  unsubscribe(id: string, channel: string): boolean {
    return this.leave(id, channel)
  }

  /**
   * Sends to every member of a room, or of several rooms and to each once, for one post per shard that has a member; a room
   * without members takes everything.
   * False as for `broadcast`: a shard was too far behind, its members do not get it, counted in `stats().dropped.link`.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  publish(
    rooms: string | readonly string[],
    message: string | Uint8Array,
    options?: boolean | PublishOptions,
  ): boolean {
    return this.#engine.publications.publish(rooms, message, options)
  }

  /**
   * The members of these rooms, to be narrowed and sent to: `server.to('red', 'blue').except(id).send(message)`.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  to(...rooms: readonly string[]): Audience {
    return new Audience((names, message, options) => this.publish(names, message, options), rooms)
  }

  /**
   * Begins the closing handshake with one connection. An unknown id is ignored.
   *
   * @param code 1000 to 1003, 1007 to 1014 or 3000 to 4999. Default 1000.
   * @param reason At most 123 bytes of UTF-8, the rest is cut off at a character. Default ''.
   * @throws ShardwsError ARGUMENT_INVALID
   */
  close(id: string, code?: number, reason?: string): void {
    this.#engine.peers.find(id)?.close(code, reason)
  }

  /** Ids of the open connections. */
  getConnections(): string[] {
    return [...this.#engine.peers].map(({ id }) => id)
  }

  /** The connection with this id. */
  getConnection(id: string): Socket<Data> | undefined {
    return this.#engine.peers.find(id) as Socket<Data> | undefined
  }

  /** As `getConnection`: with `metadata`, `connectedAt` and `lastActivity` the record of one client. */
  client(id: string): Socket<Data> | undefined {
    return this.getConnection(id)
  }

  /** Every connection that is open now, in the order of opening. The thread does other things in between. */
  clients(): AsyncGenerator<Socket<Data>> {
    return this.#engine.peers.walk() as AsyncGenerator<Socket<Data>>
  }

  /**
   * Says which user is at the other end of a connection, null for nobody any more. What the `outbox` has kept for the user
   * is sent to it at once. False: unknown id, not open, or `maxDevicesPerUser`; nothing has changed then.
   *
   * @param userId 1 to 255 bytes of UTF-8 without NUL and lone surrogates.
   * @throws ShardwsError ARGUMENT_INVALID
   */
  identify(id: string, userId: string | null): boolean {
    return this.#engine.users.identify(id, userId)
  }

  /** A user on all of its devices, which may be none: `server.user('ada').send('hello')`. @throws ShardwsError ARGUMENT_INVALID */
  user(userId: string): User {
    return this.#engine.users.user(userId)
  }

  /**
   * Replaces every shard by a new one with a fresh module graph, one after another, and moves the connections over: none is
   * closed but those that cannot move (1012). With `handler`, the new shards load that module instead of `options.handler`.
   * Rejects with SHARD_START_FAILED when a new shard cannot start (its `cause` says why): the former one goes on; with
   * ARGUMENT_INVALID when there are no threads or no module to replace; with SERVER_CLOSED when a shutdown has begun.
   */
  reload(handler?: URL): Promise<TopologyReport> {
    return this.#engine.topology.reload(handler)
  }

  /**
   * Changes the number of shards, 1 to 64 or to the option `shards` if that is more, and moves connections so that all have their share. Rejects with
   * ARGUMENT_INVALID, with SHARD_START_FAILED when one cannot start, and with SERVER_CLOSED when a shutdown has begun.
   */
  resize(shards: number): Promise<TopologyReport> {
    return this.#engine.topology.resize(shards)
  }

  /** Moves connections so that every shard has its share, or, with `shardBy`, is where its key says. Rejects with SERVER_CLOSED as `resize`. */
  rebalance(): Promise<TopologyReport> {
    return this.#engine.topology.rebalance()
  }

  /** The figures of this server, by shard and by reason. Reads shared memory, so it answers at once, however busy the shards are. */
  stats(): Stats {
    return statsOf(this.#engine, this.#startedMs)
  }

  /**
   * The connections with the most bytes queued, 1 to 1000 of them, the longest queue first: those whose peers read too slowly. Looks
   * at every connection once, and at none while nothing is queued at all.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  longestQueues(top?: number): readonly ConnectionQueue[] {
    return longestQueues(this.#engine, top)
  }

  /** For probes: whether the server lives, and whether it should get new connections. Answers at once, however busy the shards are. */
  health(): Health {
    return healthOf(this.#engine)
  }

  /**
   * Refuses new connections with 503, emits `draining`, sends the `notice`, waits for `graceMs`, closes the open connections
   * with 1001 over `drainMs`, and ends every thread, timer and port. What is still open at `deadlineMs` is destroyed. Unless
   * asked otherwise it closes all at once. A server of yours that was attached goes on without WebSocket. Later calls return
   * the first one's report.
   *
   * Rejects with ShardwsError ARGUMENT_INVALID, OPTION_UNKNOWN.
   */
  async shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    const shutdown = this.#engine.shutdown(options)
    this.#entrances.close()
    const report = await shutdown
    this.#signals?.stop()
    this.#dispatcher.stop()
    await this.#entrances.remove()
    unregister(this.#engine)
    return report
  }

  /** A listener that returned a promise which rejects. */
  override [EventEmitter.captureRejectionSymbol](error: Error, event: unknown, ...args: unknown[]): void {
    // To emit 'error' for an error listener would call it again, for ever.
    if (event === 'error') this.#listeners.onErrorListenerFailed(error)
    else this.#listeners.onFailed(error, args[0])
  }

  /** @throws ShardwsError ARGUMENT_INVALID */
  #member(id: string, room: string): Socket | undefined {
    assertRoom(room)
    return this.#engine.peers.find(id)
  }
}

function badArgument(name: string, expected: string): ShardwsError {
  return new ShardwsError('ARGUMENT_INVALID', `${name} must be ${expected}`)
}
