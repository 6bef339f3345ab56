import type { Peer } from '../peers.ts'
import type { LoadCommand, LoadReply, ServerCommand, ServerReply } from '../protocol.ts'
import type { Work } from '../works.ts'
import { Child } from './child.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const LOAD_ENTRY = new URL(`../load/load${extension}`, import.meta.url)

export function startServer(peer: Peer, work: Work): Child<ServerCommand, ServerReply> {
  // Bun has no such flag and can collect without it.
  const execArgv = work.load === 'idle' && peer.execPath === undefined ? ['--expose-gc'] : []
  const { execPath } = peer
  return new Child(peer.name, peer.entry, peer.args, { execArgv, ...(execPath !== undefined && { execPath }) })
}

export function startLoad(): Child<LoadCommand, LoadReply> {
  return new Child('load', LOAD_ENTRY)
}
