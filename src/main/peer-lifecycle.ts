import { performance } from 'node:perf_hooks'
import type { ConnectionKey } from '../shared/connection-key.ts'
import { type ConnectionTable, ReadyState } from '../shared/connection-table.ts'
import { CloseCode } from '../shared/protocol/close-codes.ts'
import type { HandlerServer } from '../shared/socket.ts'
import type { AddressGuard } from './address-guard.ts'
import { diagnostics } from './diagnostics.ts'
import type { EngineObserver } from './engine-observer.ts'
import type { LimitLog } from './limit-log.ts'
import type { MainCounters } from './main-counters.ts'
import type { ResolvedOptions } from './options.ts'
import { type OpenedConnection, Peer, type PeerContext } from './peer.ts'
import type { PeerRegistry } from './peer-registry.ts'
import type { Rooms } from './rooms.ts'
import type { RunningShard } from './running-shard.ts'
import type { Applicant, SecurityLog } from './security-log.ts'
import type { Sessions } from './sessions.ts'
import type { ShardEnd } from './shard-endings.ts'
import type { Users } from './users.ts'

/** Why a connection has ended whose shard is gone. */
const LOSSES: Readonly<Record<ShardEnd, string>> = {
  died: 'the shard ended',
  replaced: 'the shard was replaced',
  stopped: 'the server shut down',
}

/** Who is concerned when a connection opens or ends. */
interface PeerHost {
  readonly options: Pick<ResolvedOptions, 'shard'>
  readonly observer: EngineObserver
  readonly peers: PeerRegistry
  readonly rooms: Rooms
  readonly users: Users
  readonly sessions: Sessions | null
  readonly upgrades: { readonly guard: Pick<AddressGuard, 'remove'> }
  readonly counters: MainCounters
  readonly limitLog: LimitLog
  readonly securityLog: SecurityLog
  /** No connection is left, nor a handshake under way. */
  onAllClosed(): void
}

/** The connections of a server on main, from the 101 to their end. */
export class PeerLifecycle {
  readonly #host: PeerHost
  readonly #table: ConnectionTable
  readonly #context: PeerContext
  #contexts = 0

  constructor(host: PeerHost, table: ConnectionTable, server: HandlerServer) {
    const { counters, limitLog, observer, options, rooms, securityLog } = host
    this.#host = host
    this.#table = table
    this.#context = {
      ...{ server, table, rooms, counters, limitLog, securityLog },
      hasMiddleware: () => observer.hasMiddleware,
      options: options.shard,
    }
  }

  /** Connections that keep compression contexts. */
  get contexts(): number {
    return this.#contexts
  }

  /** The client has its 101. Before its shard can know of it: from then on the shard writes these fields. */
  onGiving(key: ConnectionKey, shard: RunningShard): void {
    this.#table.setShard(key, shard.index)
    this.#table.setReadyState(key, ReadyState.OPEN)
    const now = performance.timeOrigin + performance.now()
    this.#table.setConnectedAt(key, now)
    this.#table.setLastActivity(key, now)
  }

  /**
   * The client has its 101 and the socket is on its way. From here on the connection is open for main: what is
   * posted now is behind the socket on the same port, so a client that knows it is open misses nothing.
   */
  onOpened(connection: OpenedConnection & { readonly applicant: Applicant }, shard: RunningShard): void {
    const { counters, observer, peers, sessions } = this.#host
    const peer = new Peer(connection, shard, this.#context)
    if (peer.keepsContext) this.#contexts++
    peers.open(peer)
    sessions?.open(peer)
    counters.opened++
    const opened = { outcome: 'opened', status: 101, code: null, id: peer.id, shard: shard.index } as const
    diagnostics.handshakeEnd(connection.applicant, opened)
    observer.onConnection(peer)
  }

  onClosed(key: ConnectionKey, code: number, reason: string): void {
    const peer = this.#host.peers.get(key)
    // Of one that was lost on its way to another shard both may tell.
    if (peer === undefined) return
    peer.home.assigned--
    this.#host.sessions?.close(peer, false)
    this.#release(key, code, reason)
  }

  /** Nothing comes from this shard any more: it has not told of these ends. */
  onShardGone(shard: RunningShard, how: ShardEnd): void {
    const { peers, rooms, sessions } = this.#host
    const lost = [...peers].filter((peer) => peer.isOn(shard))
    for (const peer of lost) {
      sessions?.close(peer, true)
      this.#table.setReadyState(peer.key, ReadyState.CLOSED)
    }
    rooms.release(lost)
    for (const { key } of lost) this.#release(key, CloseCode.ABNORMAL_CLOSURE, LOSSES[how])
  }

  #release(key: ConnectionKey, code: number, reason: string): void {
    const { observer, peers, rooms, upgrades, users } = this.#host
    upgrades.guard.remove(key)
    const peer = peers.release(key)
    if (peer?.keepsContext) this.#contexts--
    if (peer !== undefined) {
      rooms.release([peer])
      users.release(peer)
      observer.onClose(peer, code, reason)
    }
    if (peers.claimed === 0) this.#host.onAllClosed()
  }
}
