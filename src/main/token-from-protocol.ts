import type { IncomingMessage } from 'node:http'
import { ShardwsError } from '../shared/errors.ts'
import { isToken } from '../shared/protocol/tokens.ts'

const HEADER = 'sec-websocket-protocol'

/** Where a browser puts a token when it cannot set a header: among the subprotocols it offers. */
export interface ProtocolToken {
  /** What follows the prefix, undefined without it. The token is taken out of `request.headers`, so that nothing logs it. */
  tokenOf(request: IncomingMessage): string | undefined
  /** The option of this name: chooses among the other subprotocols, never the one with the token. */
  readonly handleProtocols: (offered: readonly string[]) => string | false
}

/**
 * For clients that connect with `new WebSocket(url, ['chat', 'bearer.' + token])`: `tokenOf` is for `verifyClient`. Browsers
 * require that one subprotocol is chosen, so a safe one must be offered too.
 *
 * @param prefix of the subprotocol that carries the token, as 'bearer.'.
 * @param protocols those that may be chosen. Default: whatever else is offered.
 * @throws ShardwsError ARGUMENT_INVALID
 */
export function tokenFromProtocol(prefix: string, protocols?: readonly string[]): ProtocolToken {
  if (typeof prefix !== 'string' || !isToken(prefix))
    throw new ShardwsError('ARGUMENT_INVALID', "prefix must be the begin of a subprotocol, as 'bearer.'")
  const carries = (name: string): boolean => name.startsWith(prefix)
  if (protocols?.some((name) => typeof name !== 'string' || !isToken(name) || carries(name)))
    throw new ShardwsError('ARGUMENT_INVALID', 'protocols must be subprotocol tokens that do not begin with the prefix')
  const tokens = new WeakMap<IncomingMessage, string>()
  return {
    tokenOf(request) {
      const offered = request.headers[HEADER]?.split(',').map((name) => name.trim()) ?? []
      const name = offered.find(carries)
      if (name === undefined) return tokens.get(request)
      tokens.set(request, name.slice(prefix.length))
      request.headers[HEADER] = offered.filter((each) => !carries(each)).join(', ')
      return tokens.get(request)
    },
    handleProtocols: (offered) =>
      offered.find((name) => !carries(name) && (protocols === undefined || protocols.includes(name))) ?? false,
  }
}
