import { Counter } from '../src/shared/counters.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import type { ShardOptions } from '../src/shared/messages.ts'
import { CloseCode } from '../src/shared/protocol/close-codes.ts'
import type { Due } from './deadlines.ts'

const NO_BYTES = new Uint8Array(0)

/** A connection of which something is due. */
export interface Overdue {
  limit(counter: Counter, option: keyof ShardOptions): void
  /** It has taken too long over its end. */
  giveUp(): void
  terminate(reason: string): void
  close(code: number, reason: string): void
  refuse(violation: ShardwsError): void
  ping(payload: Uint8Array): void
}

export function meet(due: Due, connection: Overdue): void {
  switch (due) {
    case 'end':
      return connection.giveUp()
    case 'liveness':
      connection.limit(Counter.LIVENESS_TIMEOUTS, 'livenessMs')
      return connection.terminate('liveness timeout')
    case 'idle':
      connection.limit(Counter.IDLE_TIMEOUTS, 'idleTimeoutMs')
      return connection.close(CloseCode.GOING_AWAY, 'idle timeout')
    case 'lifetime':
      connection.limit(Counter.LIFETIMES_ENDED, 'maxLifetimeMs')
      return connection.close(CloseCode.GOING_AWAY, 'end of lifetime')
    case 'message':
      return connection.refuse(new ShardwsError('MESSAGE_TIMEOUT'))
    case 'ping':
      return connection.ping(NO_BYTES)
  }
}
