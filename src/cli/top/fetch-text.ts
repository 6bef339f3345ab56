import { get as getHttp, type IncomingMessage } from 'node:http'
import { get as getHttps } from 'node:https'
import { CommandError } from '../command-error.ts'

export interface FetchOptions {
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly isInsecure: boolean
  readonly timeoutMs: number
  /** Nobody wants it any more. */
  readonly signal: AbortSignal
}

const MAX_BYTES = 16 * 1024 * 1024

/** The body of a 200. Not `fetch`: that cannot be told to accept a certificate. Rejects with CommandError or an error of the socket. */
export function fetchText(url: URL, { headers, isInsecure, timeoutMs, signal }: FetchOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { headers: Object.fromEntries(headers), agent: false as const, signal }
    const onResponse = (response: IncomingMessage): void => void readText(url, response).then(resolve, reject)
    const request =
      url.protocol === 'https:'
        ? getHttps(url, { ...options, rejectUnauthorized: !isInsecure }, onResponse)
        : getHttp(url, options, onResponse)
    const deadline = setTimeout(() => {
      request.destroy(new CommandError(`${url.href} did not answer within ${timeoutMs / 1000} s`))
    }, timeoutMs)
    request.on('error', reject)
    request.on('close', () => clearTimeout(deadline))
  })
}

async function readText(url: URL, response: IncomingMessage): Promise<string> {
  const { statusCode, statusMessage } = response
  if (statusCode !== 200) {
    response.destroy()
    throw new CommandError(`${url.href} answered ${statusCode} ${statusMessage}`)
  }
  let text = ''
  for await (const part of response.setEncoding('utf8')) {
    text += part
    if (text.length > MAX_BYTES) throw new CommandError(`${url.href} answered with more than 16 MiB`)
  }
  return text
}
