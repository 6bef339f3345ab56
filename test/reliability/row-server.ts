import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Stats, WebSocketServer, WebSocketServerOptions } from '../../src/index.ts'
import { RawClient, type RawClientOptions } from '../fixtures/raw-client.ts'
import { Neighbours } from './neighbours.ts'
import type { ThreadMemory } from './row-channel.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a command takes is between it and its caller
export type Commands = Record<string, (...args: any[]) => unknown>

/** What a row server does besides listening; in a module of `apps/`. */
export interface App {
  readonly options?: WebSocketServerOptions
  /** A module of this folder to run as the shard, in place of `observed-shard`. */
  readonly shard?: string
  start(server: WebSocketServer): Commands
}

export interface RowServerSpec {
  /** Default `echo`. */
  readonly app?: string
  /** Two shards, unless given. */
  readonly options?: WebSocketServerOptions
  /** Whether neighbours on every shard must notice nothing. Default true. */
  readonly hasNeighbours?: boolean
  readonly env?: Readonly<Record<string, string>>
  /** A command that runs the one behind it, in its own place. */
  readonly launcher?: readonly string[]
}

export interface Call {
  readonly call: number
  readonly name: string
  readonly args: readonly unknown[]
}

export interface ChildAnswer {
  readonly call: number
  readonly value?: unknown
  readonly error?: string
}

/** What the server has told and counted. */
export interface Seen {
  readonly opened: readonly { readonly id: string; readonly url: string; readonly shard: number }[]
  readonly closes: readonly { readonly id: string; readonly code: number }[]
  /** Codes. */
  readonly errors: readonly string[]
  readonly uncaught: readonly string[]
  /** `dropped` events. */
  readonly dropped: number
  readonly open: number
  readonly stats: Stats
}

export interface Usage {
  readonly main: ThreadMemory
  readonly shards: readonly ThreadMemory[]
  /** Heap and external memory of all threads. */
  readonly total: number
  readonly rss: number
  readonly threads: number
}

/** How long a fault may take to leave nothing behind. */
const REST_MS = 10_000

/**
 * A server in a process of its own, for what only a process can tell: memory, descriptors, exceptions nobody caught.
 * `during` is the fault. Behind it the server must be as it was before: nothing thrown, nothing held, every connection
 * closed exactly once, and its neighbours have noticed nothing.
 */
export async function withRowServer(
  t: Test,
  spec: RowServerSpec,
  during: (server: RowServer) => Promise<void>,
): Promise<void> {
  const server = await RowServer.start(spec)
  try {
    const neighbours = spec.hasNeighbours === false ? null : await Neighbours.join(server)
    await server.warmUp()
    const descriptors = await server.call<number>('descriptors')
    await during(server)
    server.leave()
    await neighbours?.stop(t)
    await assertAtRest(t, server, neighbours?.count ?? 0, descriptors)
  } finally {
    await server.stop()
  }
}

async function assertAtRest(t: Test, server: RowServer, open: number, descriptors: number): Promise<void> {
  const isAtRest = async (): Promise<boolean> => {
    const { stats, ...seen } = await server.seen()
    const isEmpty = seen.open === open && stats.connections === open && stats.queuedBytes === 0
    return isEmpty && (await server.call<number>('descriptors')) <= descriptors
  }
  const end = performance.now() + REST_MS
  while (!(await isAtRest()) && performance.now() < end) await pause(20)
  const { opened, closes, uncaught, stats, ...seen } = await server.seen()
  t.equal(seen.open, open, 'open connections are back to what they were')
  t.equal(stats.connections, open, 'and so is their counter')
  t.equal(stats.queuedBytes, 0, 'nothing is queued')
  t.ok((await server.call<number>('descriptors')) <= descriptors, 'descriptors are back to what they were')
  t.same(uncaught, [], 'no exception that nobody caught')
  t.equal(stats.shardDeaths, 0, 'no shard has died')
  t.equal(closes.length, opened.length - open, 'a close for every connection that has ended')
  t.equal(new Set(closes.map(({ id }) => id)).size, closes.length, 'and exactly one')
}

export class RowServer {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #answers = new Map<number, (answer: Omit<ChildAnswer, 'call'>) => void>()
  readonly #clients: RawClient[] = []
  #calls = 0
  #joins = 0
  port = 0

  private constructor({ app = 'echo', options = {}, env = {}, launcher = [] }: RowServerSpec) {
    const main = new URL(`./row-server-main${extname(import.meta.url)}`, import.meta.url)
    const spec = JSON.stringify({ app, options: { shards: 2, ...options } })
    // Without tap's own preloads and settings.
    const { NODE_OPTIONS: _, ...inherited } = process.env
    const [execPath = process.execPath, ...execArgv] = [...launcher, process.execPath, '--expose-gc']
    this.#child = fork(main, [spec], {
      execPath,
      execArgv,
      serialization: 'advanced',
      env: { ...inherited, ...env },
    })
    this.#ended = once(this.#child, 'exit')
    this.#child.on('message', (answer: ChildAnswer) => this.#answers.get(answer.call)?.(answer))
    void this.#ended.then(() => {
      for (const fail of this.#answers.values()) fail({ error: 'the server process has ended' })
    })
  }

  static async start(spec: RowServerSpec): Promise<RowServer> {
    const server = new RowServer(spec)
    server.port = await server.call<number>('listen')
    return server
  }

  call<T = void>(name: string, ...args: unknown[]): Promise<T> {
    const call = ++this.#calls
    return new Promise((resolve, reject) => {
      this.#answers.set(call, ({ value, error }) => {
        this.#answers.delete(call)
        if (error === undefined) resolve(value as T)
        else reject(new Error(`${name}: ${error}`))
      })
      this.#child.send({ call, name, args } satisfies Call)
    })
  }

  seen(): Promise<Seen> {
    return this.call<Seen>('seen')
  }

  usage(): Promise<Usage> {
    return this.call<Usage>('usage')
  }

  /** Polls what the server has seen. */
  async until(what: string, isSo: (seen: Seen) => boolean): Promise<Seen> {
    const end = performance.now() + REST_MS
    for (;;) {
      const seen = await this.seen()
      if (isSo(seen)) return seen
      if (performance.now() > end) throw new Error(`${what}: not within ${REST_MS} ms`)
      await pause(5)
    }
  }

  /** The client is destroyed when the test leaves. */
  async connect(options: Omit<RawClientOptions, 'port'> = {}): Promise<RawClient> {
    const client = await RawClient.connect({ port: this.port, deadlineMs: 15_000, ...options })
    this.#clients.push(client)
    return client
  }

  connectMany(count: number, options: Omit<RawClientOptions, 'port'> = {}): Promise<RawClient[]> {
    return Promise.all(Array.from({ length: count }, () => this.connect(options)))
  }

  /** With the name and the shard that the server has given to it. */
  async join(options: Omit<RawClientOptions, 'port'> = {}): Promise<{ client: RawClient; id: string; shard: number }> {
    const path = `/join-${++this.#joins}`
    const client = await this.connect({ ...options, path })
    const { opened } = await this.until(`connection ${path}`, (seen) => seen.opened.some(({ url }) => url === path))
    const { id, shard } = opened.find(({ url }) => url === path) as Seen['opened'][number]
    return { client, id, shard }
  }

  /** A loop keeps a descriptor from its first socket on, and a heap what runs for the first time. */
  async warmUp(): Promise<void> {
    for (const client of await this.connectMany(8)) client.destroy()
    const { open } = await this.until('the first are counted', ({ closes }) => closes.length >= 8)
    await this.until('and gone', ({ stats }) => stats.connections === open)
    await this.usage()
  }

  /** The whole process stands still for that long. */
  async pause(ms: number): Promise<void> {
    this.#child.kill('SIGSTOP')
    await pause(ms)
    this.#child.kill('SIGCONT')
  }

  leave(): void {
    for (const client of this.#clients.splice(0)) client.destroy()
  }

  async stop(): Promise<void> {
    this.leave()
    const hang = setTimeout(() => this.#child.kill('SIGKILL'), REST_MS)
    await this.call('shutdown').catch(() => {})
    await this.#ended
    clearTimeout(hang)
  }
}
