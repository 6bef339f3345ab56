import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Work } from './works.ts'

/** A server under test: a module that calls `serve`, started in a process of its own. */
export interface Peer {
  readonly name: string
  /** What it is, for a reader of the results. */
  readonly label: string
  readonly entry: URL
  readonly args: readonly string[]
  /** The program that runs `entry`. Default: the Node that runs the harness. */
  readonly execPath?: string
  /** Sends back what it reads, so replies arrive masked. */
  readonly mirror?: true
  /** The works that say something about it. */
  runs(work: Work): boolean
  /** Why it cannot run here, null if it can. */
  readonly missing: string | null
}

/** The peer all ratios are taken against. */
export const REFERENCE = 'ws'

/** The peer most targets are about. */
export const IN_SHARD = 'shardws-in-shard'

// The entry has this file's own extension: `.ts` in the sources, `.js` when built.
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))

/** The package installed by `npm run bench:peers`: it is never compiled, so it lies beside the sources only. */
const NESTED = join(dirname(createRequire(import.meta.url).resolve('shardws/package.json')), 'bench', 'peers')
export const NESTED_PACKAGE = join(NESTED, 'package.json')
const NODE_MODULES = join(NESTED, 'node_modules')
/** The platform's own package: `bun` itself only finds it, in an install script that npm may have been told not to run. */
const BUN = join(NODE_MODULES, '@oven', `bun-${process.platform}-${bunArch()}`, 'bin', 'bun')

export const PEERS: readonly Peer[] = [
  peer('ws', 'ws', 'ws'),
  peer('ws-bufferutil', 'ws + bufferutil', 'ws', {
    args: ['--from', pathToFileURL(NESTED_PACKAGE).href],
    runs: isPlainEcho,
    missing: installed(join(NODE_MODULES, 'bufferutil')),
  }),
  peer('bun', 'Bun', 'bun', { execPath: BUN, runs: ({ tls }) => tls !== true, missing: installed(BUN) }),
  peer('net', 'bare net.Socket', 'net', { mirror: true, runs: isPlainEcho }),
  peer('shardws', 'shardws, handler on main', 'shardws'),
  // A thread of its own is what a busy main is about.
  peer('shardws-0', 'shardws, shards: 0', 'shardws', {
    args: ['--shards', '0'],
    runs: ({ load, tls }) => load !== 'paced' && tls !== true,
  }),
  inShard(IN_SHARD, 'shardws, handler in a shard', 1),
  // What threads cost each other shows with small messages. Its broadcast reaches one shard only, so it cannot fan out.
  {
    ...inShard('shardws-2', 'handler in 2 shards', 2),
    runs: (work) => isPlainEcho(work) && work.payloadBytes <= 64,
  },
]

function peer(name: string, label: string, file: string, rest: Partial<Peer> = {}): Peer {
  return { name, label, entry: serverUrl(file), args: [], runs: () => true, missing: null, ...rest }
}

function inShard(name: string, label: string, shards: number): Peer {
  return peer(name, label, 'shardws', { args: ['--handler', 'shard', '--shards', String(shards)] })
}

function serverUrl(file: string): URL {
  return new URL(`./servers/${file}${extension}`, import.meta.url)
}

function isPlainEcho({ load, app, deflate, tls }: Work): boolean {
  return load === 'batches' && app === 'echo' && deflate !== true && tls !== true
}

function installed(path: string): string | null {
  return existsSync(path) ? null : 'not installed: npm run bench:peers'
}

function bunArch(): string {
  return process.arch === 'arm64' ? 'aarch64' : process.arch
}
