import { ShardwsError } from '../shared/errors.ts'
import type { FrontTls } from '../shared/messages.ts'
import type { StrategyName } from '../shared/ticket.ts'
import { type Check, isObject, oneOf } from './option-checks.ts'
import type { PlacementOptions } from './placement.ts'
import { resolveTls, type TlsOptions } from './tls-options.ts'

/** How connections come in by `listen`. */
export interface EntranceOptions {
  /**
   * Where `listen` has a new connection's request read. 'attach': on main, by an HTTP server, as those that are attached do.
   * 'raw': main accepts TCP connections and shards read them, as far as `tls` says through TLS; what functions on main
   * decide (`verifyClient`, `handleProtocols`, middleware …) is asked of main. 'acceptor': the same, but a thread of its own
   * accepts, so that a blocked main does not delay new connections that a handler module serves. Both exclude `shardBy`
   * and a `placement` function, which need the request; 'acceptor' also `shards: 0`. Default 'attach'.
   */
  accept?: 'attach' | 'raw' | 'acceptor'
  /** Certificates, for TLS in the shards; with `accept: 'raw'` or 'acceptor'. Default: none, `listen` is for plain TCP. */
  tls?: TlsOptions
}

export interface ResolvedEntrance {
  readonly accept: 'attach' | 'raw' | 'acceptor'
  /** Null: plain TCP. */
  readonly tls: FrontTls | null
}

/** What excludes one of the ways in. */
interface OtherOptions extends Partial<PlacementOptions> {
  readonly handoff?: StrategyName | undefined
  readonly shards?: number | undefined
}

export const ENTRANCE_CHECKS: Readonly<Record<keyof EntranceOptions, Check>> = {
  accept: oneOf('attach', 'raw', 'acceptor'),
  tls: isObject('an object'),
}

/** @throws ShardwsError OPTION_INVALID */
export function resolveEntrance(options: EntranceOptions & OtherOptions): ResolvedEntrance {
  const { accept = 'attach', handoff, placement, shardBy } = options
  const tls = resolveTls(options.tls)
  if (accept === 'attach') {
    if (tls === null) return { accept, tls }
    throw new ShardwsError(
      'OPTION_INVALID',
      `options.tls needs accept: 'raw' or 'acceptor'; with 'attach', attach an https.Server`,
    )
  }
  if (shardBy !== undefined || typeof placement === 'function') {
    const name = shardBy === undefined ? 'placement' : 'shardBy'
    throw new ShardwsError(
      'OPTION_INVALID',
      `options.${name} needs the request, which with accept: '${accept}' the shard reads: leave ${name} out or use 'attach'`,
    )
  }
  if (handoff === 'relay') {
    throw new ShardwsError('OPTION_INVALID', `options.handoff: 'relay' hands over no TCP connections for '${accept}'`)
  }
  if (accept === 'acceptor' && options.shards === 0) {
    throw new ShardwsError('OPTION_INVALID', `options.shards must be 1 or more with accept: 'acceptor'; or use 'raw'`)
  }
  return { accept, tls }
}
