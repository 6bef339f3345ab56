import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { MessagePort } from 'node:worker_threads'
import { Counter, type CounterRow } from '../src/shared/counters.ts'
import { type ErrorCode, ShardwsError } from '../src/shared/errors.ts'
import { LocalGiver, LocalTaker } from '../src/shared/handoff/local.ts'
import { PendingRequests } from '../src/shared/handoff/pending-requests.ts'
import { drainRead, holdReading } from '../src/shared/handoff/reading.ts'
import { formatAnswer, refuse } from '../src/shared/handoff/refusal.ts'
import type { ReadInto } from '../src/shared/handoff/strategy.ts'
import { answerUpgradeRequired, UPGRADE_ONLY } from '../src/shared/handoff/upgrade-only.ts'
import type { FrontOptions, FrontTls, Knock, TlsContexts } from '../src/shared/messages.ts'
import { Sweep } from '../src/shared/sweep.ts'
import type { HereTicket, Ticket } from '../src/shared/ticket.ts'
import { encodeValue } from '../src/shared/values.ts'
import type { Admission, AdmissionFront } from './admission.ts'
import { Arrivals } from './arrivals.ts'
import { TlsContextsByName } from './tls-contexts.ts'

/** How late it may be noticed that main has not answered in time. */
const SWEEP_MS = 50

/** So that Node's own deadline for TLS never is the first: it runs on while the thread stands still. */
const NODE_DEADLINE_LATER_MS = 60_000

/** Main answers by the deadline itself, unless it is blocked. */
const GRACE_MS = 250

interface FrontLink {
  /** `knock`: a `Knock` as of `encodeValue`. `accepted`, `dismiss` or `answer` with this number follows. */
  knocked(visit: number, knock: Uint8Array): void
  /** Who has knocked is gone. */
  withdrew(visit: number): void
  /** A client was refused or lost before its request was complete. */
  turnedAway(code: ErrorCode, why: string): void
}

/** Whose front it is. */
export interface FrontShard {
  readonly admission: Admission
  readonly context: { readonly link: FrontLink; readonly counters: CounterRow }
}

/** A client whose request is complete, while it is decided about. */
interface Visit {
  readonly request: IncomingMessage
  readonly waitedMs: number
  readonly socket: Duplex
  /** The TCP socket: `socket` itself, or what TLS is over. */
  readonly below: Duplex
  readonly head: Buffer
  readonly dueMs: number
}

/** Gets the socket, null if it is gone, and what was read of it behind the request. */
type Adopter = (socket: Duplex | null, head: Uint8Array | null) => void

/**
 * The clients of whom nothing was read before they came to this shard: TLS, the request, and main's word for it are still
 * to come. Then they are connections like all others, or refused.
 */
export class Front implements AdmissionFront {
  readonly #options: FrontOptions
  readonly #admission: Admission
  readonly #link: FrontLink
  readonly #counters: CounterRow
  readonly #server: Server | SecureServer
  readonly #pending: PendingRequests
  /** The TCP sockets of TLS that is not there yet, by the client's address, and of TLS that is. */
  readonly #securing = new Map<string, Socket>()
  readonly #below = new WeakMap<Duplex, Socket>()
  /** TCP sockets that are neither a connection's yet nor closed. */
  readonly #unsettled = new Set<Duplex>()
  readonly #visits = new Map<number, Visit>()
  readonly #sweep = new Sweep(SWEEP_MS, (nowMs) => this.#endOverdue(nowMs))
  readonly #giver = new LocalGiver()
  readonly #own = new LocalTaker()
  #arrivals: Arrivals | null = null
  #contexts: TlsContextsByName | null = null
  #lastVisit = 0

  constructor(options: FrontOptions, { admission, context }: FrontShard) {
    this.#options = options
    this.#admission = admission
    this.#link = context.link
    this.#counters = context.counters
    this.#pending = new PendingRequests({
      maxPending: options.maxPending,
      timeoutMs: options.handshakeTimeoutMs,
      onEnded: (code) => this.#turnedAway(code),
    })
    this.#server = options.tls === null ? createServer(UPGRADE_ONLY, answerUpgradeRequired) : this.#secure(options.tls)
    this.#server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head))
  }

  /** An acceptor gives over this port from now on. What a former one has given goes on. */
  open(port: MessagePort): void {
    this.#arrivals = new Arrivals(port, (socket) => {
      if (socket !== null) return this.#admit(socket)
      this.#counters.add(Counter.ARRIVALS_ENDED, 1)
      this.#turnedAway('NOT_TRANSFERABLE')
    })
  }

  /** For connections that come from now on. */
  secure(contexts: TlsContexts): void {
    this.#contexts = new TlsContextsByName(contexts)
    ;(this.#server as SecureServer).setSecureContext(contexts.fallback)
  }

  /** Main accepts who has knocked. */
  take({ visit, answer }: HereTicket, readInto: ReadInto, adopt: Adopter): void {
    const known = this.#leave(visit)
    if (known === undefined) return adopt(null, null)
    const { socket } = known
    socket.write(answer, (error) => {
      if (error) socket.destroy()
      this.#handOver(known, readInto, adopt)
    })
  }

  /** Main refuses who has knocked. */
  answer(visit: number, answer: Uint8Array): void {
    const known = this.#leave(visit)
    if (known !== undefined) refuse(known.socket, answer)
  }

  dismiss(visit: number): void {
    this.#leave(visit)?.socket.destroy()
  }

  stop(): void {
    this.#arrivals?.stop()
    this.#pending.destroyAll()
    this.#giver.close()
    for (const visit of [...this.#visits.keys()]) this.dismiss(visit)
  }

  #secure({ contexts, ticketKeys, requestCert, rejectUnauthorized }: FrontTls): SecureServer {
    this.#contexts = new TlsContextsByName(contexts)
    const server = createSecureServer(
      {
        ...UPGRADE_ONLY,
        ...contexts.fallback,
        ticketKeys: Buffer.from(ticketKeys),
        requestCert,
        rejectUnauthorized,
        ALPNProtocols: ['http/1.1'],
        SNICallback: (name, answer) => this.#contexts?.find(name, answer),
        // Ours comes first, and counts from the accepted connection.
        handshakeTimeout: this.#options.handshakeTimeoutMs + NODE_DEADLINE_LATER_MS,
      },
      answerUpgradeRequired,
    )
    server.on('secureConnection', (socket) => this.#onSecure(socket))
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      socket.destroy()
      // That is the client's leaving, or our own deadline.
      if (error.code !== 'ECONNRESET') this.#turnedAway('TLS_FAILED', error.code ?? error.message)
    })
    return server
  }

  #admit(socket: Socket): void {
    socket.on('error', () => {})
    this.#unsettled.add(socket)
    socket.once('close', () => this.#settle(socket))
    const isPlain = this.#options.tls === null
    this.#pending.admit(socket, isPlain ? socket : null)
    if (!isPlain) this.#expectSecure(socket)
    this.#server.emit('connection', socket)
  }

  /** Node does not tell which TLS is over which TCP, but both tell whose they are. */
  #expectSecure(socket: Socket): void {
    const address = addressOf(socket)
    this.#securing.set(address, socket)
    socket.once('close', () => {
      if (this.#securing.get(address) === socket) this.#securing.delete(address)
    })
  }

  #onSecure(socket: TLSSocket): void {
    const address = addressOf(socket)
    const below = this.#securing.get(address)
    // The client is gone already.
    if (below === undefined) return void socket.destroy()
    this.#securing.delete(address)
    this.#below.set(socket, below)
    this.#pending.secured(below, socket)
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    holdReading(socket)
    socket.on('error', () => {})
    const below = this.#below.get(socket) ?? socket
    const waitedMs = this.#pending.release(below)
    const visit = ++this.#lastVisit
    this.#sweep.start()
    const dueMs = this.#sweep.nowMs + this.#options.handshakeTimeoutMs + GRACE_MS - waitedMs
    this.#visits.set(visit, { request, waitedMs, socket, below, head, dueMs })
    socket.once('close', () => {
      if (this.#leave(visit) !== undefined) this.#link.withdrew(visit)
    })
    if (this.#arrivals?.isShut || !this.#admission.takes(this, visit, request)) this.ask(visit)
  }

  // ── from the admission ──

  isWaiting(visit: number): boolean {
    return this.#visits.has(visit)
  }

  /** Main decides about it. */
  ask(visit: number): void {
    const known = this.#visits.get(visit)
    if (known !== undefined) this.#link.knocked(visit, encodeValue(this.#knockOf(known), 'request'))
  }

  #knockOf({ request, socket, waitedMs }: Visit): Knock {
    const { method = '', url = '', httpVersion, rawHeaders, headers } = request
    const { remoteAddress, remotePort } = socket as Socket
    const { tls } = this.#options
    const secured = tls === null ? null : (socket as TLSSocket)
    return {
      ...{ method, url, httpVersion, rawHeaders, headers, remoteAddress, remotePort, waitedMs },
      isEncrypted: secured !== null,
      servername: (secured as { servername?: string | false } | null)?.servername || '',
      isAuthorized: secured?.authorized ?? false,
      certificate: tls?.requestCert ? (secured?.getPeerCertificate() ?? null) : null,
    }
  }

  /** It is not for main to decide about any more. */
  #leave(visit: number): Visit | undefined {
    const known = this.#visits.get(visit)
    this.#visits.delete(visit)
    if (this.#visits.size === 0) this.#sweep.stop()
    return known
  }

  /** From its server on this thread to the connection on this thread. */
  #handOver({ socket, below, head }: Visit, readInto: ReadInto, adopt: Adopter): void {
    const read = drainRead(socket, head)
    const tickets: Ticket[] = []
    try {
      this.#giver.give(socket, (ticket) => tickets.push(ticket))
    } catch {
      // It has closed meanwhile.
      socket.destroy()
      return adopt(null, null)
    }
    this.#settle(below)
    for (const ticket of tickets) this.#own.take(ticket, readInto, (own) => adopt(own, read.length === 0 ? null : read))
  }

  /** It is a connection's, or closed. */
  #settle(socket: Duplex): void {
    if (this.#unsettled.delete(socket)) this.#counters.add(Counter.ARRIVALS_ENDED, 1)
  }

  #endOverdue(nowMs: number): void {
    for (const [visit, { socket, dueMs }] of this.#visits) {
      if (nowMs < dueMs) continue
      this.#leave(visit)
      this.#link.withdrew(visit)
      this.#turnedAway('HANDSHAKE_TIMEOUT')
      refuse(socket, formatAnswer(new ShardwsError('HANDSHAKE_TIMEOUT')))
    }
  }

  #turnedAway(code: ErrorCode, why = new ShardwsError(code).message): void {
    this.#link.turnedAway(code, why)
  }
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
