import { flag, seconds, texts, type ValuesOf } from './command-options.ts'
import { type OpeningRequest, readHeader, readProtocols } from './outgoing-request.ts'
import { webSocketUrl } from './url-argument.ts'

/** The options of every command that opens connections. */
export const OPENING_OPTIONS = {
  header: texts('Name: value', 'a header field of the opening handshake; may be repeated'),
  protocol: texts('name', 'a subprotocol to offer; may be repeated'),
  insecure: flag('accept a certificate that nobody vouches for'),
  timeout: seconds(10_000, { least: 0.1, most: 600 }, 'for the opening handshake'),
}

/** @throws CommandError */
export function openingOf(operands: readonly string[], options: ValuesOf<typeof OPENING_OPTIONS>): OpeningRequest {
  return {
    url: webSocketUrl(operands),
    headers: options.header.map(readHeader),
    protocols: readProtocols(options.protocol),
    isInsecure: options.insecure,
    timeoutMs: options.timeout,
  }
}
