import { CloseCode } from '../../shared/protocol/close-codes.ts'

/** How a shard names the end of a connection that has passed its `livenessMs`. */
const LIVENESS_REASON = 'liveness timeout'

/** The arguments of `close`: a connection that was silent for too long ended with 1002 in Verb. */
export function closeAsVerb(code: number, reason: string): [code: number, reason: string] {
  const isPingTimeout = code === CloseCode.ABNORMAL_CLOSURE && reason === LIVENESS_REASON
  return isPingTimeout ? [CloseCode.PROTOCOL_ERROR, 'Ping timeout'] : [code, reason]
}
