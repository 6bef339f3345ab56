import type { Arena } from './attackers/arena.ts'
import * as floods from './attacks/floods.ts'
import * as handshakes from './attacks/handshakes.ts'
import * as inflation from './attacks/inflation.ts'
import * as unfinished from './attacks/unfinished.ts'
import type { Settings, Size } from './protocol.ts'

/** One way to hurt a server. */
export interface Scenario {
  readonly name: string
  /** Row of the catalogue of faults and threats that the engine is built against. */
  readonly row: number
  readonly title: string
  /** What shardws promises. */
  readonly promise: string
  readonly settings: Settings
  readonly size: Size
  /** Instead of `size`, for servers that take messages of 100 MiB. */
  readonly sizeOfHugeMessages?: Size
  /** Whether the largest message decides, so that `ws` is worth measuring with a smaller one. */
  readonly dependsOnMaxPayload?: boolean
  attack(arena: Arena, size: Size): Promise<void>
}

const SWALLOW: Settings = { app: 'swallow' }
const COMPRESSING: Settings = { app: 'swallow', compression: true }

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'fragments-one-byte',
    row: 5,
    title: '20 connections send 16 383 fragments of one byte, no last one',
    promise: '1008 at fragment 1025; what is kept is the payload',
    settings: SWALLOW,
    size: { connections: 20, each: 16_383 },
    attack: unfinished.oneByteFragments,
  },
  {
    name: 'fragments-empty',
    row: 5,
    title: '20 connections send 16 383 empty fragments, no last one',
    promise: '1008 at fragment 1025',
    settings: SWALLOW,
    size: { connections: 20, each: 16_383 },
    attack: unfinished.emptyFragments,
  },
  {
    name: 'bomb-single',
    row: 6,
    title: 'one message of 64 KiB that inflates to 64 MiB',
    promise: '1009 once the output exceeds maxPayload',
    settings: COMPRESSING,
    size: { connections: 1, each: 1 },
    dependsOnMaxPayload: true,
    attack: inflation.bombs,
  },
  {
    name: 'bomb-repeated',
    row: 6,
    title: '8 connections send 2 messages of 64 KiB that inflate to 64 MiB',
    promise: '1009 once the output exceeds maxPayload',
    settings: COMPRESSING,
    size: { connections: 8, each: 2 },
    dependsOnMaxPayload: true,
    attack: inflation.bombs,
  },
  {
    name: 'inflate-line-rate',
    row: 6,
    title: '4 connections send 250 messages of 1 KiB that inflate to 1 MiB, as fast as they can',
    promise: '1008 once a connection has inflated more than 16 MiB at once, or 8 MiB a second',
    settings: COMPRESSING,
    size: { connections: 4, each: 250 },
    dependsOnMaxPayload: true,
    attack: inflation.inflateAtLineRate,
  },
  {
    name: 'non-readers',
    row: 7,
    title: '200 connections read nothing while 4096 unique messages of 16 KiB are broadcast',
    promise: 'at most maxBackpressure (1 MiB) queued for each, later messages are refused',
    settings: { app: 'broadcast' },
    size: { connections: 200, each: 4096 },
    attack: floods.neverRead,
  },
  {
    name: 'slowloris',
    row: 10,
    title: '2000 sockets send half a request and fall silent',
    promise: '408 after handshakeTimeoutMs, here 1 s; a second more until they are looked at',
    settings: { app: 'swallow', deadlineMs: 1000 },
    size: { connections: 2000, each: 1 },
    attack: handshakes.slowloris,
  },
  {
    name: 'header-flood',
    row: 14,
    title: '1000 requests with 2000 header fields',
    promise: '431, never a crash',
    settings: SWALLOW,
    size: { connections: 20, each: 50 },
    attack: handshakes.floodHeaders,
  },
  {
    name: 'declared-giant',
    row: 24,
    title: '300 frames declare 2^62 bytes, 1 GiB or 1 MiB + 1, and send nothing',
    promise: '1009 at the header; nothing is allocated',
    settings: SWALLOW,
    size: { connections: 300, each: 1 },
    dependsOnMaxPayload: true,
    attack: unfinished.declareTooMuch,
  },
  {
    name: 'declared-maximum',
    row: 24,
    title: '100 messages of 1 MiB (ws with its defaults: 5 of 99 MiB) without their last byte',
    promise: 'memory follows what has arrived, and goes with the connection',
    settings: SWALLOW,
    size: { connections: 100, each: 1 },
    sizeOfHugeMessages: { connections: 5, each: 99 },
    dependsOnMaxPayload: true,
    attack: unfinished.withholdLastByte,
  },
  {
    name: 'drip',
    row: 25,
    title: '100 connections drip a message, one byte each 50 ms for 3 s',
    promise: '1008 messageTimeoutMs, here 1 s, after the first byte',
    settings: { app: 'swallow', deadlineMs: 1000 },
    size: { connections: 100, each: 60 },
    attack: unfinished.drip,
  },
  {
    name: 'ping-flood',
    row: 26,
    title: '20 connections send 20 000 pings of 125 bytes and read no pong',
    promise: '1008 for more control frames a second than a peer needs',
    settings: SWALLOW,
    size: { connections: 20, each: 20_000 },
    attack: floods.floodPings,
  },
  {
    name: 'verify-hang',
    row: 27,
    title: 'verifyClient never settles for 1000 handshakes',
    promise: '503 after verifyTimeoutMs, here 1 s',
    settings: { app: 'hang', deadlineMs: 1000 },
    size: { connections: 1000, each: 1 },
    attack: handshakes.waitForVerdict,
  },
  {
    name: 'message-flood',
    row: 41,
    title: '50 connections send 10 000 messages of one byte as fast as they can',
    promise: 'no limit by default; reading stops while main is behind',
    settings: SWALLOW,
    size: { connections: 50, each: 10_000 },
    attack: floods.floodMessages,
  },
  {
    name: 'idle-after-one',
    row: 49,
    title: '5000 connections fall silent after one message of 5 bytes',
    promise: 'a silent connection keeps no read buffer',
    settings: SWALLOW,
    size: { connections: 5000, each: 1 },
    attack: floods.fallSilent,
  },
  {
    name: 'bad-upgrades',
    row: 53,
    title: '3000 handshakes with a wrong version, key, method or protocol',
    promise: '400, 405 or 426, never 101',
    settings: SWALLOW,
    size: { connections: 20, each: 150 },
    attack: handshakes.badUpgrades,
  },
  {
    name: 'long-tokens',
    row: 54,
    title: '450 handshakes with 15.5 KiB of commas, spaces, quotes and the like as Sec-WebSocket-Extensions',
    promise: 'linear time',
    settings: COMPRESSING,
    size: { connections: 10, each: 45 },
    attack: handshakes.longTokens,
  },
  {
    name: 'slow-handler',
    row: 75,
    title: 'one connection sends 10 000 messages of 1 KiB to a handler that takes 100 ms',
    promise: 'reading stops while 256 messages are unanswered',
    settings: { app: 'slow' },
    size: { connections: 1, each: 10_000 },
    attack: floods.outrunHandler,
  },
]

/** @throws Error that names the scenarios there are */
export function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS.find((each) => each.name === name)
  if (scenario === undefined) {
    throw new Error(`no '${name}'; there are ${SCENARIOS.map((each) => each.name).join(', ')}`)
  }
  return scenario
}
