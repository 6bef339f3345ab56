import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { PendingRequests } from '../shared/handoff/pending-requests.ts'
import { answerUpgradeRequired, UPGRADE_ONLY } from '../shared/handoff/upgrade-only.ts'
import { type RefusalContext, recordRefusal } from './refusal.ts'

/** An HTTP server for WebSocket only: other requests get 426. */
export function createOwnServer(context: RefusalContext): Server {
  const { maxPendingHandshakes: maxPending, handshakeTimeoutMs: timeoutMs } = context.options
  const pending = new PendingRequests({ maxPending, timeoutMs, onEnded: (code) => recordRefusal(context, code) })
  const server = createServer(UPGRADE_ONLY, answerUpgradeRequired)
  server.on('connection', (socket: Socket) => pending.admit(socket))
  return server
}
