import type { Peer } from './peer.ts'
import type { RoomsObserver } from './rooms.ts'
import type { ShutdownPlan } from './shutdown-options.ts'
import type { ShardEvent } from './supervisor.ts'

/** What the application hears of its connections. */
export interface EngineObserver extends RoomsObserver {
  onConnection(peer: Peer): void
  /** Returns a promise that never rejects if the application works on the message until then. */
  onMessage(peer: Peer, message: Buffer, isBinary: boolean): Promise<unknown> | undefined
  onClose(peer: Peer, code: number, reason: string): void
  onDrain(peer: Peer): void
  onDropped(peer: Peer): void
  onPing(peer: Peer, payload: Buffer): void
  onPong(peer: Peer, payload: Buffer): void
  readonly hasMiddleware: boolean
}

/** What no connection is concerned in. */
export interface EngineFacade {
  onShardEvent(event: ShardEvent): void
  /** A shutdown has begun: newcomers are refused, nobody has been told anything yet. */
  onDraining(plan: ShutdownPlan): void
  /** A handler has posted a value to main. */
  onPost(message: unknown): void
  /** A listener of errors in a shard has failed itself. */
  onErrorListenerFailed(error: Error): void
}
