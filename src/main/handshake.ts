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
import { SESSION_PROTOCOL } from '../shared/protocol/session-protocol.ts'
import { selectSubprotocol } from '../shared/protocol/subprotocol.ts'
import { requestFields } from '../shared/request-fields.ts'
import type { RouteMatch } from '../shared/route-match.ts'
import { UpgradeRequest } from '../shared/upgrade-request.ts'
import { encodeValue } from '../shared/values.ts'
import { HandlerModule } from './handler-modules.ts'
import type { ResolvedOptions } from './options.ts'
import { Reservation, type ReservationContext } from './reservation.ts'
import type { RunningShard } from './running-shard.ts'
import type { Applicant } from './security-log.ts'
import { type Greeting, type SessionOffer, takeSessionOffer } from './session-offer.ts'
import { Verification } from './verification.ts'

/** What a handshake needs from its server. */
export interface HandshakeContext extends ReservationContext {
  readonly options: ResolvedOptions
  /** Whether middleware has to let a new connection in. */
  readonly hasMiddleware: boolean
  /** What compression is agreed on with this client, null for none. */
  agree(opening: OpeningHandshake): Agreement | null
  /** The route that serves this target, null without routes. */
  match(url: string): RouteMatch | null
  /** @param status what the client was answered, undefined if somebody else knows. */
  onRefused(handshake: Handshake, code: ErrorCode, status: number | undefined): void
  /** The client has left. */
  onAbandoned(handshake: Handshake): void
  /** The client has its 101 and the socket is about to be given to the shard. Returns what the client is told first of all. */
  onGiving(handshake: Handshake, shard: RunningShard): Greeting | null
  /** The socket is on its way. */
  onGiven(handshake: Handshake, shard: RunningShard): void
  /** The client has its 101, but no shard could be given the socket. */
  onLost(handshake: Handshake): void
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
  readonly home: RunningShard | null
  readonly #context: HandshakeContext
  readonly #raw: IncomingMessage
  readonly #socket: Duplex
  readonly #head: Buffer
  readonly #dueMs: number
  readonly #verification: Verification
  readonly #reservation: Reservation
  #opening!: OpeningHandshake
  #request!: UpgradeRequest
  #handler: object | null = null
  #module = NO_MODULE
  /** `request.user` as of `encodeValue`, for a handler in the shard. */
  #user: Uint8Array = NO_USER
  /** The handler in the shard has let the client in. */
  #isJudged = false
  #agreement: Agreement | null = null
  #offer: SessionOffer | null = null
  #greeting: Greeting | null = null
  #isAccepted = false
  /** Refused, given away or left: main has nothing more to do for it. */
  #isOver = false

  /** @param dueMs by when the client must have its answer. */
  constructor(key: ConnectionKey, context: HandshakeContext, upgrade: Upgrade, dueMs: number) {
    const { request, socket, head, ip, home } = upgrade
    this.key = key
    this.applicant = { request, ip }
    this.#context = context
    this.#raw = request
    this.#socket = socket
    this.#head = head
    this.home = home
    this.#dueMs = dueMs
    this.#verification = new Verification(this, context)
    this.#reservation = new Reservation(this, context)
    socket.on('close', () => this.#onSocketClose())
  }

  get request(): UpgradeRequest {
    return this.#request
  }

  /** The handler of its route. */
  get handler(): object | null {
    return this.#handler
  }

  /** The handler module in the shard, `NO_MODULE` for a handler on main. */
  get module(): number {
    return this.#module
  }

  get agreement(): Agreement | null {
    return this.#agreement
  }

  /** Null: the client does not ask for a session. */
  get offer(): SessionOffer | null {
    return this.#offer
  }

  get greeting(): Greeting | null {
    return this.#greeting
  }

  /** How a handler in the shard gets to know the connection, null for one on main. */
  get introduction(): Handled | null {
    if (this.#module === NO_MODULE) return null
    const { user: _, ...request } = this.#request
    const isHeld = this.#context.hasMiddleware || this.#greeting?.isRecovered === true
    return { module: this.#module, request, user: this.#user, isHeld }
  }

  get shard(): RunningShard | null {
    return this.#reservation.shard
  }

  async run(opening: OpeningHandshake): Promise<void> {
    this.#opening = opening
    const { sessions, verifyClient } = this.#context.options
    if (sessions !== null) this.#offer = takeSessionOffer(this.#raw, opening.protocols)
    const verdict =
      verifyClient === undefined ? ACCEPTED : await this.#verification.ask(async () => verifyClient(this.#raw))
    if (verdict === null || this.#isOver) return
    const protocol = this.#selectProtocol()
    if (protocol === null) return
    const match = this.#context.match(this.#raw.url ?? '/')
    const found = { protocol, user: verdict.user, ip: this.applicant.ip, ...(match && { params: match.params }) }
    this.#request = new UpgradeRequest(requestFields(this.#raw, found))
    this.#handler = match?.handler ?? null
    const isWelcome = this.#handler instanceof HandlerModule ? await this.#prepare(this.#handler) : await this.#ask()
    if (isWelcome && !this.#isOver) this.#reservation.begin()
  }

  /** Ends what has come due. */
  sweep(nowMs: number): void {
    if (this.#verification.isDue(nowMs)) this.fail('VERIFY_TIMEOUT')
    else if (nowMs >= this.#dueMs) this.fail('HANDSHAKE_TIMEOUT')
    else this.#reservation.sweep(nowMs)
  }

  /** The shard will take the socket. `mustJudge`: its handler wants to be asked about the request first. */
  onReserved(shard: RunningShard, mustJudge: boolean): void {
    if (shard !== this.shard || this.#isOver) return
    this.#reservation.confirm()
    if (mustJudge && !this.#isJudged) {
      this.#verification.begin()
      shard.link.judge(this.key, this.#module, encodeValue({ ...this.#request }, 'user'))
      return
    }
    if (this.#isAccepted) this.#give(shard)
    else this.#accept(shard)
  }

  /** The handler in the shard has decided. */
  onJudged(shard: RunningShard, answer: boolean | Verdict | Error): void {
    if (shard !== this.shard || this.#isOver) return
    const verdict = this.#verification.judge(answer)
    if (verdict === null || !this.#welcome(verdict)) return
    this.#isJudged = true
    this.onReserved(shard, false)
  }

  onShardEnded(shard: RunningShard): void {
    if (shard === this.shard && !this.#isOver) this.#reservation.replace()
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

  /** The socket is somebody else's from now on, who has answered the client with this status. */
  leave(status: number | undefined): void {
    if (this.#isOver) return
    this.#end()
    releaseReading(this.#socket)
    this.#context.onRefused(this, status === 401 || status === 403 ? 'UNAUTHORIZED' : 'NOT_UPGRADED', status)
  }

  /** The handler on main may have a word. Returns whether the client may go on. */
  async #ask(): Promise<boolean> {
    const handler = this.#handler as Handler | null
    if (handler?.upgrade === undefined) return true
    const verdict = await this.#verification.ask(async () => handler.upgrade?.(this.#request) ?? true)
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
      return this.#verification.judge(error as Error) !== null
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
    const offered = this.#offer?.protocols ?? this.#opening.protocols
    const chosen = handleProtocols?.(offered, this.#raw) ?? selectSubprotocol(offered, protocols)
    const protocol = chosen === false || !offered.includes(chosen) ? '' : chosen
    if (protocol !== '' || !requireProtocol) return protocol || (this.#offer === null ? '' : SESSION_PROTOCOL)
    this.fail('BAD_REQUEST', { body: 'none of the offered subprotocols is supported' })
    return null
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
    this.#greeting = this.#context.onGiving(this, shard)
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

  /** The client has left; nobody is there to be answered. */
  #onSocketClose(): void {
    if (this.#isOver) return
    this.#end()
    this.#context.onAbandoned(this)
  }

  #end(): void {
    this.#isOver = true
    this.#reservation.end()
  }
}

const ACCEPTED: Verdict = {}

/** Main handles the connection itself. */
const NO_MODULE = -1

const NO_USER = new Uint8Array(0)
