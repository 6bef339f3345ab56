import { extname } from 'node:path'

/** The shard's entry has the extension of this file, in the sources and in dist alike. */
export const SHARD_URL = new URL(`../../workers/shard${extname(import.meta.url)}`, import.meta.url)

/** The acceptor's entry is beside the shard's. */
export function acceptorUrl(shardUrl: URL = SHARD_URL): URL {
  return new URL(`acceptor${extname(shardUrl.pathname)}`, shardUrl)
}
