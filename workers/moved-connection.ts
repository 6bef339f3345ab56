import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { ReadyState } from '../src/shared/connection-table.ts'
import type { Connection } from './connection.ts'
import type { ConnectionRoutes } from './connection-routes.ts'

/** What a socket does to its connection. */
export interface Reachable extends Pick<Connection, 'readyState' | 'close' | 'terminate' | 'ping' | 'markAlive'> {
  readonly outbound: Pick<Connection['outbound'], 'offer' | 'pong' | 'bufferedBytes'>
}

/** A connection that has moved to another shard, for the handler here that is still at work: it is reached where it lives now. */
export class MovedConnection implements Reachable {
  readonly outbound: Reachable['outbound']
  readonly #key: ConnectionKey
  readonly #routes: ConnectionRoutes
  /** It was asked to end, and may not have heard of that yet. */
  #isClosing = false

  constructor(key: ConnectionKey, routes: ConnectionRoutes) {
    this.#key = key
    this.#routes = routes
    this.outbound = {
      offer: (message, flags) => !this.#isClosing && routes.offer(key, message, flags),
      pong: (payload) => routes.pong(key, payload),
      get bufferedBytes() {
        return routes.table.queuedBytes(key)
      },
    }
  }

  get readyState(): ReadyState {
    const state = this.#routes.table.readyState(this.#key)
    return this.#isClosing && state === ReadyState.OPEN ? ReadyState.CLOSING : state
  }

  close(code: number, reason: string): void {
    this.#isClosing = true
    this.#routes.close(this.#key, code, reason)
  }

  terminate(): void {
    this.#isClosing = true
    this.#routes.terminate(this.#key)
  }

  ping(payload: Uint8Array): void {
    this.#routes.ping(this.#key, payload)
  }

  markAlive(): void {
    this.#routes.markAlive(this.#key)
  }
}
