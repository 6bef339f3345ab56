import type { Failed } from '../protocol.ts'

/** What the server does with binary messages; text is echoed at once by every one of them, for the control clients. */
export type App =
  /** Forgets them. */
  | 'swallow'
  /** Sends each to all connections. */
  | 'broadcast'
  /** Awaits `SLOW_MS` for each. */
  | 'slow'
  /** As `swallow`, and `verifyClient` never answers outside of `CALM_PATH`. */
  | 'hang'

/** How long the slow handler takes for one message. */
export const SLOW_MS = 100

/** Where the warm-up and the control clients connect. */
export const CALM_PATH = '/calm'

export interface Settings {
  readonly app: App
  readonly compression?: boolean
  /** The server's own deadlines for handshakes and messages, where it has any, so that they end within the run. */
  readonly deadlineMs?: number
}

/** The server process at rest, after garbage collection on every thread. */
export interface Reading {
  readonly rssBytes: number
  /** V8's used heaps and external memory, all threads. */
  readonly heapBytes: number
  readonly descriptors: number
}

/** What the attack did to the server, seen from inside it. */
export interface Toll {
  readonly peak: {
    /** The kernel's high-water mark. */
    readonly rssBytes: number
    /** The main thread's heap and external memory, from samples. */
    readonly mainHeapBytes: number
    /** From samples. */
    readonly descriptors: number
  }
  /** The attackers are gone. */
  readonly after: Reading
  /** User and system time of all threads, from before the attack until its connections were gone. */
  readonly cpuSeconds: number
  /** Until the descriptors were back to what they were before. Null: they were not within the time to settle. */
  readonly settledMs: number | null
  readonly app: AppCounts
}

export interface AppCounts {
  /** Binary messages that reached the application. */
  readonly messages: number
  /** The most of them, or of calls of `verifyClient`, that it was busy with at one time. */
  readonly mostAtOnce: number
}

export type ServerCommand =
  | { readonly type: 'start'; readonly settings: Settings }
  | { readonly type: 'begin' }
  | { readonly type: 'end' }

export type ServerReply =
  | { readonly type: 'listening'; readonly port: number; readonly pid: number; readonly maxPayload: number }
  | { readonly type: 'begun'; readonly before: Reading }
  | { readonly type: 'ended'; readonly toll: Toll }
  | Failed

/** How large an attack is; every attack says what `each` counts. */
export interface Size {
  readonly connections: number
  readonly each: number
}

/** The server that is attacked. */
export interface Target {
  readonly port: number
  /** Its largest message in bytes. */
  readonly maxPayload: number
}

/** How many attackers ended in which way. */
export type Endings = Readonly<Record<string, number>>

export type AttackCommand =
  | { readonly type: 'warm-up'; readonly target: Target }
  | { readonly type: 'attack'; readonly scenario: string; readonly size: Size; readonly target: Target }

export type AttackReply =
  | { readonly type: 'warm' }
  | { readonly type: 'attacked'; readonly seconds: number; readonly endings: Endings }
  | Failed
