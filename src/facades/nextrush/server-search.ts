import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Node publishes here every connection that a server accepts, before anything of it is read. */
const ACCEPTED = 'net.server.socket'

/** Calls back before an application handles a request; the application leaves it alone if the answer is true. Returns how to stop. */
export type Tap = (onRequest: (request: IncomingMessage) => boolean) => () => void

interface Search {
  readonly onFound: (server: Server) => void
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  readonly stop: () => void
}

const searches = new Set<Search>()
/** HTTP servers that nobody else takes upgrades of: whose they are shows when a request reaches an application. */
const watched = new Set<Server>()
/** The upgrade that is being shown to the application of its server, and whom it turned out to belong to. */
let trial: { readonly request: IncomingMessage; owner: Search | null } | null = null

/**
 * Finds the HTTP server of an application that does not tell it, by the first request that the application gets, from
 * whatever server. That may be an upgrade: it is shown to the application first, and goes to `onUpgrade` if it was its.
 */
export function searchServer(
  tap: Tap,
  onFound: (server: Server) => void,
  onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): () => void {
  const untap = tap((request) => {
    const { server } = request.socket as Socket & { server?: unknown }
    if (!isHttpServer(server)) return false
    const isTrial = trial?.request === request
    if (trial !== null && isTrial) trial.owner = search
    search.stop()
    search.onFound(server)
    return isTrial
  })
  const search: Search = {
    onFound,
    onUpgrade,
    stop: () => {
      if (!searches.delete(search)) return
      untap()
      if (searches.size === 0) stopWatching()
    },
  }
  searches.add(search)
  if (searches.size === 1) subscribe(ACCEPTED, onAccepted)
  return search.stop
}

export function isHttpServer(server: unknown): server is Server {
  return server instanceof Server || server instanceof HttpsServer
}

function onAccepted(message: unknown): void {
  const { server } = (message as { socket: Socket & { server?: unknown } }).socket
  if (!isHttpServer(server) || watched.has(server) || server.listenerCount('upgrade') > 0) return
  watched.add(server)
  server.on('upgrade', onUpgrade)
}

/** Without listeners an upgrade is an ordinary request. So it is treated, until an application of ours claims it. */
function onUpgrade(this: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  if (this.listenerCount('upgrade') > 1) {
    unwatch(this)
    return
  }
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  const shown: NonNullable<typeof trial> = { request, owner: null }
  trial = shown
  try {
    this.emit('request', request, response)
  } finally {
    trial = null
  }
  if (shown.owner !== null) {
    shown.owner.onUpgrade(request, socket, head)
    return
  }
  socket.on('error', () => socket.destroy())
  response.assignSocket(socket as Socket)
  response.once('finish', () => socket.end())
}

function unwatch(server: Server): void {
  watched.delete(server)
  server.off('upgrade', onUpgrade)
}

function stopWatching(): void {
  unsubscribe(ACCEPTED, onAccepted)
  for (const server of watched) unwatch(server)
}
