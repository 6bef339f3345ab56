import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FrontTls, Knock, TlsContexts } from '../shared/messages.ts'
import { decodeValue } from '../shared/values.ts'
import { RemoteSocket } from './remote-socket.ts'
import { requestOn } from './request-like.ts'
import type { AcceptorState } from './restarting-acceptor.ts'
import type { RunningShard } from './running-shard.ts'

const NO_BYTES = Buffer.alloc(0)

type Accept = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** What gives connections to the shards has to know of them. */
interface Entrance {
  /** Null: there is no thread of its own that accepts. */
  readonly acceptorState: AcceptorState | null
  /** Other shards may get new connections now. */
  onSeatsChanged(): void
  onSecured(contexts: TlsContexts): void
}

/** The clients who come to the shards unread: how they come in, and main's decision about those whose request is complete. */
export class Newcomers {
  /** Null: nobody comes unread. */
  entrance: Entrance | null = null
  readonly #accept: Accept
  readonly #visits = new Map<RunningShard, Map<number, RemoteSocket>>()
  #tls: FrontTls | null

  /** @param accept Decides as about any `upgrade` event. */
  constructor(tls: FrontTls | null, accept: Accept) {
    this.#tls = tls
    this.#accept = accept
  }

  /** How shards speak TLS, null for not at all. */
  get tls(): FrontTls | null {
    return this.#tls
  }

  /** Other certificates, in all shards and those to come. */
  secure(contexts: TlsContexts): void {
    if (this.#tls !== null) this.#tls = { ...this.#tls, contexts }
    this.entrance?.onSecured(contexts)
  }

  /** `bytes`: a `Knock` as of `encodeValue`. */
  begin(shard: RunningShard, visit: number, bytes: Buffer): void {
    const knock = decodeValue(bytes) as Knock
    const socket = new RemoteSocket(shard, visit, knock)
    const ofShard = this.#visits.get(shard) ?? new Map<number, RemoteSocket>()
    this.#visits.set(shard, ofShard.set(visit, socket))
    socket.once('close', () => ofShard.delete(visit))
    this.#accept(requestOn(socket, knock), socket, NO_BYTES)
  }

  withdraw(shard: RunningShard, visit: number): void {
    this.#visits.get(shard)?.get(visit)?.withdraw()
  }

  onShardEnded(shard: RunningShard): void {
    for (const socket of [...(this.#visits.get(shard)?.values() ?? [])]) socket.withdraw()
    this.#visits.delete(shard)
  }
}
