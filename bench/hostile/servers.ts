/** A server under attack: a module that calls `serve`, started in a process of its own. */
export interface Server {
  readonly name: string
  readonly entry: URL
  readonly args: readonly string[]
  /** Its default is 100 MiB. */
  readonly takesHugeMessages?: true
  /** Runs only what depends on its largest message: for the rest it is the same as another one. */
  readonly isVariant?: true
}

// The entry has this file's own extension: `.ts` in the sources, `.js` when built.
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))

export const SERVERS: readonly Server[] = [
  { ...server('ws', 'ws'), takesHugeMessages: true },
  { ...server('ws-1m', 'ws', '--max-payload', String(1024 * 1024)), isVariant: true },
  server('shardws', 'shardws', '--shards', '2'),
  server('shardws-0', 'shardws', '--shards', '0'),
]

function server(name: string, file: string, ...args: string[]): Server {
  return { name, entry: new URL(`./servers/${file}${extension}`, import.meta.url), args }
}
