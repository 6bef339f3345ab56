import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { setAccepting } from '../shared/handoff/accepting.ts'
import { PendingRequests } from '../shared/handoff/pending-requests.ts'
import { answerUpgradeRequired, UPGRADE_ONLY } from '../shared/handoff/upgrade-only.ts'
import type { ProcessMemory } from './process-memory.ts'
import { type RefusalContext, recordRefusal } from './refusal.ts'

interface OwnServerContext extends RefusalContext {
  readonly memory: ProcessMemory
}

/** An HTTP server for WebSocket only: other requests get 426. */
export function createOwnServer(context: OwnServerContext): Server {
  const { maxPendingHandshakes: maxPending, handshakeTimeoutMs: timeoutMs } = context.options
  const pending = new PendingRequests({ maxPending, timeoutMs, onEnded: (code) => recordRefusal(context, code) })
  const server = createServer(UPGRADE_ONLY, answerUpgradeRequired)
  server.on('connection', (socket: Socket) => pending.admit(socket))
  context.memory.observe({
    onStep(step, isTaken) {
      if (step === 'accepting') setAccepting(server, !isTaken)
    },
  })
  server.on('drop', () => recordRefusal(context, 'MEMORY_SHORT'))
  return server
}
