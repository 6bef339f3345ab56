import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionKey } from '../shared/connection-key.ts'
import { ERRORS, type ErrorCode, ShardwsError } from '../shared/errors.ts'
import type { Handler, Verdict } from '../shared/handler.ts'
import { drainRead, releaseReading } from '../shared/handoff/reading.ts'
import { type Answer, formatAnswer, refuse } from '../shared/handoff/refusal.ts'
import type { Handled } from '../shared/messages.ts'
import { formatAccepted, type OpeningHandshake } from '../shared/protocol/handshake.ts'
import { type Agreement, formatAgreement } from '../shared/protocol/permessage-deflate.ts'
import { selectSubprotocol } from '../shared/protocol/subprotocol.ts'
import { requestFields } from '../shared/request-fields.ts'
import type { RouteMatch } from '../shared/route-match.ts'
import { UpgradeRequest } from '../shared/upgrade-request.ts'
import { encodeValue } from '../shared/values.ts'
import { isAccepting, verdictOf } from '../shared/verdict.ts'
import { HandlerModule } from './handler-modules.ts'
import type { MainCounters } from './main-counters.ts'
import type { ResolvedOptions, VerifyClient } from './options.ts'
import type { RunningShard } from './running-shard.ts'
import type { Applicant } from './security-log.ts'

/** How long a shard may take to confirm a reservation before another one is asked. */
const RESERVE_TIMEOUT_MS = 1000

/** What a handshake needs from its server. */
export interface HandshakeContext {
  readonly options: ResolvedOptions
  readonly counters: MainCounters
  /** By the clock that calls `sweep`. */
  readonly nowMs: number
  /** Whether middleware has to let a new connection in. */
  readonly hasMiddleware: boolean
  /** What compression is agreed on with this client, null for none. */
  agree(opening: OpeningHandshake): Agreement | null
  /** The route that serves this target, null without routes. */
  match(url: string): RouteMatch | null
  /** Null: none can take it now, and any will do. @throws ShardwsError PLACEMENT_FAILED */
  chooseSeat(request: UpgradeRequest): number | null
  /** Whether new connections may go there. */
  isSeated(shard: RunningShard): boolean
  shardAt(seat: number): RunningShard | null
  /** Whether it is worth waiting for the shard of this seat. */
  isComing(seat: number): boolean
  /** Calls back once when a shard can take connections again; false when none will. */
  awaitShard(callback: () => void): boolean
  cancelAwait(callback: () => void): void
  /** @param status what the client was answered, undefined if somebody else knows. */
  onRefused(handshake: Handshake, code: ErrorCode, status: number | undefined): void
  /** The client has left. */
  onAbandoned(handshake: Handshake): void
  /** The client has its 101 and the socket is about to be given to the shard. */
  onGiving(key: ConnectionKey, shard: RunningShard): void
  /** The socket is on its way. */
  onGiven(handshake: Handshake, shard: RunningShard): void
  /** The client has its 101, but no shard could be given the socket. */
  onLost(handshake: Handshake): void
  onError(error: Error): void
}

/** The arguments of an `upgrade` event, and where it comes from. */
export interface Upgrade extends Applicant {
  readonly socket: Duplex
  readonly head: Buffer
  /** The shard that has read the request and can be the only one; null: any. */
  readonly home: RunningShard | null
}

/**
 * One opening handshake on main, from the `upgrade` event until a shard owns the socket.
 *
 * Main keeps the socket until a shard has confirmed that it will take it, writes the 101 itself and only
 * then gives the socket away: so the client gets a 101 or an HTTP status, whatever happens to the shard.
 */
export class Handshake {
  readonly key: ConnectionKey
  readonly applicant: Applicant
  readonly #context: HandshakeContext
  readonly #raw: IncomingMessage
  readonly #socket: Duplex
  readonly #head: Buffer
  readonly #home: RunningShard | null
  readonly #dueMs: number
  #verifyDueMs = Number.POSITIVE_INFINITY
  #reserveDueMs = Number.POSITIVE_INFINITY
  #opening!: OpeningHandshake
  #request!: UpgradeRequest
  #handler: object | null = null
  #module = NO_MODULE
  /** `request.user` as of `encodeValue`, for a handler in the shard. */
  #user: Uint8Array = NO_USER
  /** The handler in the shard has let the client in. */
  #isJudged = false
  #shard: RunningShard | null = null
  /** Whose shard cannot take it yet, and no other one will do. */
  #awaitedSeat: number | null = null
  #agreement: Agreement | null = null
  #isAccepted = false
  /** Refused, given away or left: main has nothing more to do for it. */
  #isOver = false
  readonly #onAdopting = (): void => this.#place()

  /** @param dueMs by when the client must have its answer. */
  constructor(key: ConnectionKey, context: HandshakeContext, upgrade: Upgrade, dueMs: number) {
    const { request, socket, head, ip, home } = upgrade
    this.key = key
    this.applicant = { request, ip }
    this.#context = context
    this.#raw = request
    this.#socket = socket
    this.#head = head
    this.#home = home
    this.#dueMs = dueMs
    socket.on('close', () => this.#onSocketClose())
  }

  get request(): UpgradeRequest {
    return this.#request
  }

  /** The handler of its route. */
  get handler(): object | null {
    return this.#handler
  }

  get agreement(): Agreement | null {
    return this.#agreement
  }

  /** How a handler in the shard gets to know the connection, null for one on main. */
  get introduction(): Handled | null {
    if (this.#module === NO_MODULE) return null
    const { user: _, ...request } = this.#request
    return { module: this.#module, request, user: this.#user, isHeld: this.#context.hasMiddleware }
  }

  get shard(): RunningShard | null {
    return this.#shard
  }

  async run(opening: OpeningHandshake): Promise<void> {
    this.#opening = opening
    const { verifyClient } = this.#context.options
    const verdict = verifyClient === undefined ? ACCEPTED : await this.#verify(async () => verifyClient(this.#raw))
    if (verdict === null || this.#isOver) return
    const protocol = this.#selectProtocol()
    if (protocol === null) return
    const match = this.#context.match(this.#raw.url ?? '/')
    const found = { protocol, user: verdict.user, ip: this.applicant.ip, ...(match && { params: match.params }) }
    this.#request = new UpgradeRequest(requestFields(this.#raw, found))
    this.#handler = match?.handler ?? null
    const isWelcome = this.#handler instanceof HandlerModule ? await this.#prepare(this.#handler) : await this.#ask()
    if (isWelcome && !this.#isOver) this.#place()
  }

  /** Ends what has come due. */
  sweep(nowMs: number): void {
    if (nowMs >= this.#verifyDueMs) this.fail('VERIFY_TIMEOUT')
    else if (nowMs >= this.#dueMs) this.fail('HANDSHAKE_TIMEOUT')
    else if (nowMs >= this.#reserveDueMs) this.#onReserveTimeout()
    // That memory is free again is not announced.
    else if (this.#awaitedSeat !== null) this.#take(this.#awaitedSeat)
  }

  /** The shard will take the socket. `mustJudge`: its handler wants to be asked about the request first. */
  onReserved(shard: RunningShard, mustJudge: boolean): void {
    if (shard !== this.#shard || this.#isOver) return
    this.#reserveDueMs = Number.POSITIVE_INFINITY
    if (mustJudge && !this.#isJudged) {
      this.#verifyDueMs = this.#context.nowMs + this.#context.options.verifyTimeoutMs
      shard.link.judge(this.key, this.#module, encodeValue({ ...this.#request }, 'user'))
      return
    }
    if (this.#isAccepted) this.#give(shard)
    else this.#accept(shard)
  }

  /** The handler in the shard has decided. */
  onJudged(shard: RunningShard, answer: boolean | Verdict | Error): void {
    if (shard !== this.#shard || this.#isOver) return
    this.#verifyDueMs = Number.POSITIVE_INFINITY
    const verdict = this.#judge(answer)
    if (verdict === null || !this.#welcome(verdict)) return
    this.#isJudged = true
    this.onReserved(shard, false)
  }

  onShardEnded(shard: RunningShard): void {
    if (shard !== this.#shard || this.#isOver) return
    this.#replace()
  }

  /** Refuses the client, or ends its connection if it has its 101 already. */
  fail(code: ErrorCode, answer?: Partial<Answer>): void {
    if (this.#isOver) return
    const text = formatAnswer(new ShardwsError(code), answer)
    this.#end()
    if (this.#isAccepted) {
      this.#context.onLost(this)
      this.#socket.destroy()
    } else {
      this.#context.onRefused(this, code, answer?.status ?? ERRORS[code].status)
      refuse(this.#socket, text)
    }
  }

  /** Asks whoever is to decide about the client; null: it was refused. */
  async #verify(decide: () => ReturnType<VerifyClient>): Promise<Verdict | null> {
    this.#verifyDueMs = this.#context.nowMs + this.#context.options.verifyTimeoutMs
    try {
      const answer = await decide()
      if (typeof answer === 'object' && answer?.answered === true) {
        this.#leave(answer.status)
        return null
      }
      return this.#judge(answer)
    } catch (error) {
      return this.#judge(error as Error)
    } finally {
      this.#verifyDueMs = Number.POSITIVE_INFINITY
    }
  }

  /** What an answer means; a refusal is sent, and null returned. */
  #judge(answer: boolean | Verdict | Error): Verdict | null {
    if (answer instanceof Error) {
      this.#context.onError(new ShardwsError('VERIFY_FAILED', undefined, { cause: answer }))
      this.fail('VERIFY_FAILED')
      return null
    }
    const verdict = verdictOf(answer)
    if (isAccepting(verdict)) return verdict
    const { status = 401, headers, body } = verdict
    this.fail('UNAUTHORIZED', { status, ...(headers && { headers }), ...(body === undefined ? {} : { body }) })
    return null
  }

  /** The socket is somebody else's from now on, who has answered the client with this status. */
  #leave(status: number | undefined): void {
    if (this.#isOver) return
    this.#end()
    releaseReading(this.#socket)
    this.#context.onRefused(this, status === 401 || status === 403 ? 'UNAUTHORIZED' : 'NOT_UPGRADED', status)
  }

  /** The handler on main may have a word. Returns whether the client may go on. */
  async #ask(): Promise<boolean> {
    const handler = this.#handler as Handler | null
    if (handler?.upgrade === undefined) return true
    const verdict = await this.#verify(async () => handler.upgrade?.(this.#request) ?? true)
    return verdict !== null && this.#welcome(verdict)
  }

  /** Whom the handler has found is who the client is; one that a shard cannot be told of is a mistake of the application. */
  #welcome({ user }: Verdict): boolean {
    if (user !== undefined) this.#request.user = user
    if (this.#module === NO_MODULE) return true
    try {
      this.#user = encodeValue(this.#request.user, 'user')
      return true
    } catch (error) {
      return this.#judge(error as Error) !== null
    }
  }

  /** Every shard must have the module before one of them is chosen. */
  async #prepare(module: HandlerModule): Promise<boolean> {
    this.#module = module.index
    try {
      await module.isReady
    } catch (error) {
      this.#context.onError(error as Error)
      this.fail('HANDLER_LOAD_FAILED')
      return false
    }
    return this.#welcome(ACCEPTED)
  }

  #selectProtocol(): string | null {
    const { handleProtocols, protocols, requireProtocol } = this.#context.options
    const offered = this.#opening.protocols
    const chosen = handleProtocols?.(offered, this.#raw) ?? selectSubprotocol(offered, protocols)
    const protocol = chosen === false || !offered.includes(chosen) ? '' : chosen
    if (protocol !== '' || !requireProtocol) return protocol
    this.fail('BAD_REQUEST', { body: 'none of the offered subprotocols is supported' })
    return null
  }

  #place(): void {
    if (this.#home !== null) return this.#stayAt(this.#home)
    let seat: number | null
    try {
      seat = this.#context.chooseSeat(this.#request)
    } catch (error) {
      this.#context.counters.handlerErrors++
      this.#context.onError(error as Error)
      this.fail('PLACEMENT_FAILED')
      return
    }
    if (seat !== null) this.#take(seat)
    else if (!this.#context.awaitShard(this.#onAdopting)) this.fail('NO_SHARD')
  }

  /** The request was read there. One that is late is waited for: nobody else can take its place. */
  #stayAt(home: RunningShard): void {
    if (!home.isRunning || !this.#context.isSeated(home)) return this.fail('NO_SHARD')
    this.#reserve(home)
    this.#reserveDueMs = Number.POSITIVE_INFINITY
  }

  #take(seat: number): void {
    const shard = this.#context.shardAt(seat)
    if (!shard?.canTake) {
      this.#awaitedSeat = seat
      if (!this.#context.isComing(seat)) this.fail('NO_SHARD')
      return
    }
    this.#awaitedSeat = null
    this.#reserve(shard)
    this.#reserveDueMs = this.#context.nowMs + RESERVE_TIMEOUT_MS
  }

  #reserve(shard: RunningShard): void {
    this.#shard = shard
    shard.assigned++
    shard.link.reserve(this.key, this.#module)
  }

  #onReserveTimeout(): void {
    if (this.#shard !== null) this.#shard.isLate = true
    this.#replace()
  }

  #replace(): void {
    this.#context.counters.replaced++
    this.#leaveShard()
    this.#place()
  }

  #accept(shard: RunningShard): void {
    this.#isAccepted = true
    this.#agreement = this.#context.agree(this.#opening)
    const extensions = this.#agreement === null ? '' : formatAgreement(this.#agreement)
    this.#socket.write(formatAccepted(this.#opening.key, this.#request.protocol, extensions), 'latin1')
    // The socket closes by itself.
    if (this.#socket.errored !== null) return
    // As a rule the kernel has taken it by now. To wait for the callback of this write would cost a tick, and the socket,
    // destroyed within it, would make an error with a stack for nobody.
    if (this.#socket.writableLength === 0) this.#give(shard)
    else this.#socket.write('', (error) => this.#onAccepted(shard, error))
  }

  /** The kernel has taken the 101 in the end, or never will. */
  #onAccepted(shard: RunningShard, error: Error | null | undefined): void {
    if (this.#isOver) return
    if (error) this.#socket.destroy()
    else if (shard.isAdopting) this.#give(shard)
    else this.onShardEnded(shard)
  }

  #give(shard: RunningShard): void {
    this.#end()
    this.#context.onGiving(this.key, shard)
    try {
      shard.give(this.#socket, drainRead(this.#socket, this.#head), this)
    } catch (error) {
      this.#context.onError(error as Error)
      this.#context.onLost(this)
      this.#socket.destroy()
      return
    }
    this.#context.onGiven(this, shard)
  }

  #leaveShard(): void {
    if (this.#shard !== null) this.#shard.assigned--
    this.#shard = null
    this.#reserveDueMs = Number.POSITIVE_INFINITY
  }

  /** The client has left; nobody is there to be answered. */
  #onSocketClose(): void {
    if (this.#isOver) return
    this.#end()
    this.#context.onAbandoned(this)
  }

  #end(): void {
    this.#isOver = true
    this.#context.cancelAwait(this.#onAdopting)
  }
}

const ACCEPTED: Verdict = {}

/** Main handles the connection itself. */
const NO_MODULE = -1

const NO_USER = new Uint8Array(0)
