import { usageError } from './command-error.ts'

const WEB_SOCKET = { schemes: ['ws:', 'wss:'], example: 'ws://127.0.0.1:8080/' } as const
const HTTP = { schemes: ['http:', 'https:'], example: 'http://127.0.0.1:8080/metrics' } as const

/** The one operand of a command that goes to a WebSocket server. @throws CommandError */
export function webSocketUrl(operands: readonly string[]): URL {
  return onlyUrl(operands, WEB_SOCKET)
}

/** The one operand of a command that asks an HTTP server. @throws CommandError */
export function httpUrl(operands: readonly string[]): URL {
  return onlyUrl(operands, HTTP)
}

function onlyUrl(operands: readonly string[], { schemes, example }: typeof WEB_SOCKET | typeof HTTP): URL {
  const [given, extra] = operands
  if (given === undefined) throw usageError(`a URL is needed, such as ${example}`)
  if (extra !== undefined) throw usageError(`one URL is enough, got '${extra}' too`)
  const url = URL.canParse(given) ? new URL(given) : null
  if (url !== null && (schemes as readonly string[]).includes(url.protocol) && url.hostname !== '') return url
  throw usageError(`'${given}' is no ${schemes.join(' or ')} URL; did you mean ${suggestion(given, schemes[0])}?`)
}

/** The same place by the scheme that is needed: 'localhost:8080' has none, and 'http://…' another one. */
function suggestion(given: string, scheme: string): string {
  return `${scheme}//${given.replace(/^[a-z]+:\/\//i, '')}`
}
