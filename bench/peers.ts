/** A server under test: a module that calls `serve`, started in a process of its own. */
export interface Peer {
  readonly name: string
  readonly entry: URL
  readonly args: readonly string[]
}

/** The peer all ratios are taken against. */
export const REFERENCE = 'ws'

// The entry has this file's own extension: `.ts` in the sources, `.js` when built.
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))

export const PEERS: readonly Peer[] = [
  peer('ws', 'ws', []),
  peer('shardws', 'shardws', []),
  peer('shardws-0', 'shardws', ['--shards', '0']),
]

function peer(name: string, file: string, args: readonly string[]): Peer {
  return { name, entry: new URL(`./servers/${file}${extension}`, import.meta.url), args }
}
