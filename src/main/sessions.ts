import { createHash, randomBytes } from 'node:crypto'
import type { ConnectionKey } from '../shared/connection-key.ts'
import type { ConnectionTable } from '../shared/connection-table.ts'
import {
  identityOf,
  LocalRecovery,
  packData,
  type Recovery,
  type Resumable,
  type SessionState,
  SocketSession,
} from '../shared/socket-session.ts'
import type { UpgradeRequest } from '../shared/upgrade-request.ts'
import { decodeValue, encodeValue } from '../shared/values.ts'
import type { EngineObserver } from './engine-observer.ts'
import { type HeldSession, HeldSessions } from './held-sessions.ts'
import type { LimitLog } from './limit-log.ts'
import type { MainCounters, SessionLimit } from './main-counters.ts'
import type { Peer } from './peer.ts'
import type { PeerRegistry } from './peer-registry.ts'
import type { Greeting, SessionOffer } from './session-offer.ts'
import type { ResolvedSessions } from './session-options.ts'

const TOKEN_BYTES = 16

/** Mirrors HTTP 409: its client is here again, on another connection. */
const RESUMED_ELSEWHERE = 4409

/** How long a shard may take to say what its handler last knew of a connection whose session goes to another one. */
const LAST_WORD_MS = 1000

/** The sessions of a server, since it was made and now. */
export interface SessionStats {
  /** Sessions that wait for their clients now. */
  readonly held: number
  /** What they take, bookkeeping included. */
  readonly bytes: number
  /** Sessions whose client did not come back within `ttlMs`. */
  readonly expired: number
  /** Sessions that made room for others, by `max` and `maxBytes`. */
  readonly evicted: number
  /** Tokens that resumed nothing: unknown, used, expired, malformed, or those of another user or path. */
  readonly refused: number
  /** Sessions that could not be kept: `data` is over `maxDataBytes` or cannot be cloned. */
  readonly unkept: number
}

/** A session from the handshake to the end of its connection. */
interface Live {
  readonly hash: string
  readonly path: string
  readonly visitor: string
  /** What it resumes, until the connection is open; null for a new one. */
  claim: Claim | null
  /** What it resumes or, of a connection that a shard handles, what that has told. Null: nobody was let in, as far as that. */
  state: SessionState | null
  /** Whether the shard that handles the connection has told. */
  isTold: boolean
}

interface Claim {
  readonly session: HeldSession
  /** The shard that had it may know more. */
  readonly latest: Promise<SessionState> | null
}

interface SessionsHost {
  readonly counters: MainCounters
  readonly limitLog: LimitLog
  readonly peers: Pick<PeerRegistry, 'get'>
  readonly observer: Pick<EngineObserver, 'onError'>
}

/**
 * Which connections have a session, and those that wait for their clients. Tokens are known by their hash only. A token is
 * good for one handshake; it all happens on one thread, so one of several claims wins.
 */
export class Sessions {
  readonly #options: ResolvedSessions
  readonly #host: SessionsHost
  readonly #table: ConnectionTable
  readonly #held: HeldSessions
  readonly #live = new Map<ConnectionKey, Live>()
  readonly #keys = new Map<string, ConnectionKey>()
  /** Who waits for the last word of a connection's shard. */
  readonly #waiting = new Map<ConnectionKey, (state: SessionState | null) => void>()

  constructor(options: ResolvedSessions, host: SessionsHost, table: ConnectionTable) {
    this.#options = options
    this.#host = host
    this.#table = table
    this.#held = new HeldSessions(options, host.counters.sessions, (limit) => this.#reached(limit))
  }

  /** The client has its 101, and is let in by whom the handshake has asked. */
  begin(key: ConnectionKey, { path, user }: UpgradeRequest, { token }: SessionOffer): Greeting {
    const visitor = identityOf(user)
    const claim = token === null ? null : this.#claim(hashOf(token), path, visitor)
    if (claim !== null) this.#host.counters.reconnections++
    else if (token !== null) this.#host.counters.sessions.refused++
    const next = randomBytes(TOKEN_BYTES).toString('base64url')
    const hash = hashOf(next)
    this.#live.set(key, { hash, path, visitor, claim, state: claim?.session.state ?? null, isTold: false })
    this.#keys.set(hash, key)
    this.#table.beginSession(key)
    const isRecovered = claim !== null
    const { ttlMs } = this.#options
    return { message: JSON.stringify({ type: 'session', token: next, ttlMs, recovered: isRecovered }), isRecovered }
  }

  /** No shard could be given the socket: the client still has its former token only. */
  abandon(key: ConnectionKey): void {
    const claim = this.#forget(key)?.claim
    if (claim) this.#held.add(claim.session)
  }

  /** Before anybody hears of the connection. */
  open(peer: Peer): void {
    const live = this.#live.get(peer.key)
    if (live === undefined) return
    peer.session = new SocketSession(live.claim && recoveryOf(live.claim, peer))
    live.claim = null
  }

  /** A shard tells what its handler knows of a connection; `bytes`, if any, are a `SessionState` as of `encodeValue`. */
  onKept(key: ConnectionKey, bytes: Buffer): void {
    const state = bytes.length === 0 ? null : (decodeValue(bytes) as SessionState)
    const live = this.#live.get(key)
    if (state === null) this.#unkept(key)
    if (live !== undefined) Object.assign(live, { state, isTold: true })
    this.#waiting.get(key)?.(state)
  }

  /** It has ended; its rooms are still known. `isLost`: with its shard, which has not had a last word. */
  close(peer: Peer, isLost: boolean): void {
    this.#waiting.get(peer.key)?.(null)
    const live = this.#forget(peer.key)
    if (live === undefined || !this.#table.hasSession(peer.key)) return
    const state = peer.isHandledThere && !isLost ? live.state : this.#stateOf(peer, live)
    if (state !== null) this.#held.add(heldOf(live, state))
  }

  stats(): SessionStats {
    const { evicted, expired, refused, unkept } = this.#host.counters.sessions
    const { size: held, bytes } = this.#held
    return { held, bytes, expired, evicted: evicted.max + evicted.maxBytes, refused, unkept }
  }

  /** Null: there is no such session, or not for this visitor, who leaves it as it is. */
  #claim(hash: string, path: string, visitor: string): Claim | null {
    const isTheirs = (session: { path: string; visitor: string }): boolean =>
      session.path === path && session.visitor === visitor
    const held = this.#held.find(hash)
    if (held !== undefined) {
      if (!isTheirs(held)) return null
      this.#held.remove(hash)
      return { session: held, latest: null }
    }
    const key = this.#keys.get(hash)
    const peer = key === undefined ? undefined : this.#host.peers.get(key)
    const live = peer && this.#live.get(peer.key)
    if (peer === undefined || live === undefined || !isTheirs(live)) return null
    return this.#takeOver(peer, live)
  }

  /** The client comes back before its former connection has ended. */
  #takeOver(peer: Peer, live: Live): Claim | null {
    const state = this.#table.hasSession(peer.key) ? this.#stateOf(peer, live) : null
    if (state === null) return null
    this.#forget(peer.key)
    const latest = peer.isHandledThere ? this.#lastWord(peer.key, state) : null
    peer.close(RESUMED_ELSEWHERE, 'resumed elsewhere')
    // However long that takes, its places are for the one that comes.
    for (const room of peer.rooms) peer.leave(room)
    return { session: heldOf(live, state), latest }
  }

  /** As far as main knows. Null: nobody was let in, or it cannot be kept. */
  #stateOf(peer: Peer, { state, isTold }: Live): SessionState | null {
    const rooms = [...peer.rooms]
    if (peer.isHandledThere) return state && isTold ? { ...state, rooms } : state
    // Until it is all there, what was to come back is what there is.
    if (!peer.session?.isComplete) return state
    const data = this.#pack(peer)
    return data && { rooms, data, identity: peer.session.identity }
  }

  #pack(peer: Peer): Uint8Array | null {
    try {
      const data = packData(peer)
      if (data.length <= this.#options.maxDataBytes) return data
    } catch (error) {
      this.#host.observer.onError(peer, error as Error)
    }
    this.#unkept(peer.key)
    return null
  }

  /** What its handler knows, or `known` if the shard does not tell in time. */
  #lastWord(key: ConnectionKey, known: SessionState): Promise<SessionState> {
    return new Promise((resolve) => {
      const settle = (state: SessionState | null): void => {
        clearTimeout(timer)
        this.#waiting.delete(key)
        resolve(state ?? known)
      }
      const timer = setTimeout(settle, LAST_WORD_MS, null)
      this.#waiting.set(key, settle)
    })
  }

  #forget(key: ConnectionKey): Live | undefined {
    const live = this.#live.get(key)
    if (live === undefined) return undefined
    this.#live.delete(key)
    this.#keys.delete(live.hash)
    return live
  }

  #unkept(key: ConnectionKey): void {
    this.#host.counters.sessions.unkept++
    this.#reached('maxDataBytes', key)
  }

  #reached(limit: SessionLimit, key?: ConnectionKey): void {
    const peer = key === undefined ? undefined : this.#host.peers.get(key)
    this.#host.limitLog.reached(`sessions.${limit}`, peer === undefined ? {} : { id: peer.id })
  }
}

/** Main has no part in it but to tell the shard that handles the connection. */
class RemoteRecovery implements Recovery {
  readonly #peer: Peer
  readonly #state: Promise<SessionState>

  constructor(peer: Peer, state: Promise<SessionState>) {
    this.#peer = peer
    this.#state = state
  }

  begin(): boolean {
    return true
  }

  async rejoin(_socket: Resumable): Promise<void> {
    const state = await this.#state
    this.#peer.home.link.restore(this.#peer.key, encodeValue(state, 'the session'))
  }
}

function recoveryOf({ session: { state }, latest }: Claim, peer: Peer): Recovery {
  return peer.isHandledThere ? new RemoteRecovery(peer, latest ?? Promise.resolve(state)) : new LocalRecovery(state)
}

function heldOf({ hash, path, visitor }: Live, state: SessionState): HeldSession {
  return { hash, path, visitor, state }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
