import type { IncomingMessage } from 'node:http'
import { peerAddress } from '../main/client-address.ts'
import type { DashboardAction, ResolvedDashboard } from './options.ts'
import type { WatchedServer } from './watched-server.ts'

export interface Outcome {
  readonly status: number
  /** For the person who has pressed the button. */
  readonly text: string
}

/** Does what was asked for and says how it went. Never rejects. */
export async function act(
  request: IncomingMessage,
  action: DashboardAction,
  query: URLSearchParams,
  server: WatchedServer,
  options: ResolvedDashboard,
): Promise<Outcome> {
  const shards = Number(query.get('shards') ?? Number.NaN)
  const details = { action, ...(action === 'resize' ? { shards } : {}), peer: peerAddress(request) }
  options.logger.warn(details, 'somebody acts on the dashboard')
  try {
    return { status: 200, text: await perform(action, shards, server, options) }
  } catch (error) {
    const { message, code } = error as Error & { code?: string }
    options.logger.warn({ ...details, error: String(error) }, 'an action of the dashboard failed')
    return { status: code === 'ARGUMENT_INVALID' ? 400 : 500, text: message }
  }
}

async function perform(
  action: DashboardAction,
  shards: number,
  server: WatchedServer,
  { drain, logger }: ResolvedDashboard,
): Promise<string> {
  if (action === 'drain') {
    // It may take minutes; the page shows how it goes on.
    server.shutdown(drain).catch((error: unknown) => logger.error({ error: String(error) }, 'the shutdown failed'))
    return 'The server drains: nobody new is let in, and the open connections are asked to go.'
  }
  const { moved, stayed, closed } = await (action === 'reload' ? server.reload() : server.resize(shards))
  return `${action === 'reload' ? 'Every shard is new' : `There are ${shards} shards`}: ${moved} connections moved, ${stayed} stayed, ${closed} were closed.`
}
