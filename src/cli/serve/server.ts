import { once } from 'node:events'
import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from '../../facades/websocket-server.ts'
import { type HttpHandler, metricsHandler } from '../../metrics/handlers.ts'
import { usageError } from '../command-error.ts'
import { ExitCode } from '../exit-code.ts'
import { formatRows } from '../help.ts'
import type { Terminal } from '../terminal.ts'
import { findHandler, type HandlerFile } from './handler-file.ts'
import { createHttpListener } from './http-listener.ts'
import { ReloadOnHangup } from './reload-on-hangup.ts'
import type { ServeOptions } from './serve-options.ts'
import { StaticFiles } from './static-files.ts'
import { readTlsFiles } from './tls-files.ts'

/** Of a request's head; past it Node answers with 431. */
const MAX_HEADER_BYTES = 16 * 1024

/** Resolves when the server has been asked to end and has done so. */
export async function runServer(
  options: ServeOptions,
  operands: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  for (const name of ['path', 'metrics'] as const) {
    if (options[name]?.startsWith('/') === false)
      throw usageError(`--${name} must begin with /, got '${options[name]}'`)
  }
  const handler = await findHandler(operands)
  const files = options.static === undefined ? null : await StaticFiles.open(options.static)
  const tls = await readTlsFiles(options.cert, options.key)
  const webSocket = new WebSocketServer({
    handleSignals: true,
    logLevel: options['log-level'],
    ...(options.shards !== undefined && { shards: options.shards }),
    ...(options.compression !== undefined && { compression: options.compression }),
  })
  try {
    const http =
      tls === null
        ? createHttpServer({ maxHeaderSize: MAX_HEADER_BYTES })
        : createHttpsServer({ ...tls, maxHeaderSize: MAX_HEADER_BYTES })
    const paths = new Map<string, HttpHandler>()
    if (options.metrics !== undefined) paths.set(options.metrics, metricsHandler(webSocket))
    http.on('request', createHttpListener(paths, files))
    webSocket.route(options.path ?? '*', handler.url).attach(http)
    await webSocket.ready()
    await once(http.listen(options.port, options.host), 'listening')
    const ended = endOf(webSocket, http)
    const reload = new ReloadOnHangup(webSocket, terminal)
    announce(terminal, { options, handler, webSocket, files, port: (http.address() as AddressInfo).port })
    await ended
    reload.stop()
    return ExitCode.FINE
  } catch (error) {
    await webSocket.shutdown()
    throw error
  }
}

/** A signal begins the end of the WebSocket server; the HTTP server goes with it. */
async function endOf(webSocket: WebSocketServer, http: Server): Promise<void> {
  await once(webSocket, 'draining')
  http.close()
  http.closeIdleConnections()
  await webSocket.shutdown()
  http.closeAllConnections()
}

interface Announced {
  readonly options: ServeOptions
  readonly handler: HandlerFile
  readonly webSocket: WebSocketServer
  readonly files: StaticFiles | null
  readonly port: number
}

function announce({ out }: Terminal, { options, handler, webSocket, files, port }: Announced): void {
  const secure = options.cert === undefined ? '' : 's'
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  const at = (scheme: string, path: string): string => out.paint('cyan', `${scheme}${secure}://${host}:${port}${path}`)
  const { handoff, shards } = webSocket.stats()
  const rows: [string, string][] = [['WebSocket', at('ws', options.path ?? '/')]]
  if (files !== null) rows.push(['files', `${at('http', '/')} from ${files.folder}`])
  if (options.metrics !== undefined) rows.push(['metrics', at('http', options.metrics)])
  const threads =
    shards.length === 0 ? 'the main thread' : `${shards.length} ${shards.length === 1 ? 'shard' : 'shards'}`
  out.line(`${out.paint('bold', `shardws serves ${handler.name}`)} on ${threads} (${handoff})`)
  for (const row of formatRows(rows)) out.line(row)
  out.line(out.paint('dim', 'Ctrl-C ends it, SIGHUP loads the handler anew.'))
}
