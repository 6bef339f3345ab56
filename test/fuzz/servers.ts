import type { WebSocketServerOptions } from '../../src/index.ts'

/** Small, so that sessions meet them; large enough for a length of 64 bits. */
export const MAX_PAYLOAD = 70_000
export const MAX_FRAGMENTS = 16

/** What a server must be told for the model to know what it does. */
export const MODELLED = {
  maxPayload: MAX_PAYLOAD,
  maxFragments: MAX_FRAGMENTS,
  protocols: ['chat', 'v2.json'],
} as const satisfies WebSocketServerOptions

const LIMITS: WebSocketServerOptions = {
  ...MODELLED,
  // No session sends as much, so everything must be echoed.
  maxBackpressure: 8 * 1024 * 1024,
  // Few: slots that leak are soon missed.
  maxConnections: 200,
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
