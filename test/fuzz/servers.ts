import type { WebSocketServerOptions } from '../../src/index.ts'

/** Small, so that sessions meet them; large enough for a length of 64 bits. */
export const MAX_PAYLOAD = 70_000
export const MAX_FRAGMENTS = 16

const LIMITS: WebSocketServerOptions = {
  maxPayload: MAX_PAYLOAD,
  maxFragments: MAX_FRAGMENTS,
  // No session sends as much, so everything must be echoed.
  maxBackpressure: 8 * 1024 * 1024,
  // Few: slots that leak are soon missed.
  maxConnections: 200,
  protocols: ['chat', 'v2.json'],
  compressThreshold: 64,
}

/** The servers of one process, by name: with shards and on main, with every way to compress. */
export const SERVERS = {
  plain: LIMITS,
  shared: { ...LIMITS, compression: 'shared' },
  dedicated: { ...LIMITS, compression: 'dedicated' },
  relay: { ...LIMITS, handoff: 'relay', compression: 'dedicated' },
  main: { ...LIMITS, shards: 0 },
  mainDedicated: { ...LIMITS, shards: 0, compression: 'dedicated' },
} as const satisfies Readonly<Record<string, WebSocketServerOptions>>

export type ServerName = keyof typeof SERVERS

export const SERVER_NAMES = Object.keys(SERVERS) as ServerName[]
