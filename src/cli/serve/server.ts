import { WebSocketServer } from '../../facades/websocket-server.ts'
import { createStderrLogger } from '../../main/logger.ts'
import { ShardwsError } from '../../shared/errors.ts'
import { CommandError, usageError } from '../command-error.ts'
import { ExitCode } from '../exit-code.ts'
import type { Terminal } from '../terminal.ts'
import { announce } from './announcement.ts'
import { openHttpFront, openRawFront } from './front.ts'
import { logHandlerErrors } from './handler-errors.ts'
import { findHandler } from './handler-file.ts'
import { createHttpListener } from './http-listener.ts'
import { httpPaths } from './http-paths.ts'
import { ReloadOnHangup } from './reload-on-hangup.ts'
import type { ServeOptions } from './serve-options.ts'
import { StaticFiles } from './static-files.ts'
import { readTlsFiles, type TlsFiles } from './tls-files.ts'

/** Resolves when the server has been asked to end and has done so. */
export async function runServer(
  options: ServeOptions,
  operands: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  checkTogether(options)
  terminal.out.isOptional = true
  const handler = await findHandler(operands)
  const files = options.static === undefined ? null : await StaticFiles.open(options.static)
  const tls = await readTlsFiles(options.cert, options.key)
  const webSocket = createWebSocketServer(options, tls)
  logHandlerErrors(webSocket, createStderrLogger(options['log-level']))
  let wasAsked = false
  const draining = new Promise<void>((resolve) => {
    webSocket.once('draining', () => {
      wasAsked = true
      resolve()
    })
  })
  try {
    webSocket.route(options.path ?? '*', handler.url)
    const front =
      options.accept === 'raw'
        ? await openRawFront(webSocket, options)
        : await openHttpFront(webSocket, options, tls, createHttpListener(httpPaths(options, webSocket), files))
    const reload = new ReloadOnHangup(webSocket, terminal, async () => {
      const renewed = await readTlsFiles(options.cert, options.key)
      if (renewed !== null) front.renew(renewed)
    })
    announce(terminal, { options, handler, webSocket, files, port: front.port })
    await draining
    front.close()
    await webSocket.shutdown()
    front.remove()
    reload.stop()
    return ExitCode.FINE
  } catch (error) {
    // It was asked to end before it had begun.
    if (wasAsked) return ExitCode.FINE
    await webSocket.shutdown()
    throw isTypeScriptRefused(error)
      ? new CommandError(
          `handler ${handler.name}: this Node runs no TypeScript; compile it, or use Node 22.18 or later`,
        )
      : error
  }
}

function createWebSocketServer(options: ServeOptions, tls: TlsFiles | null): WebSocketServer {
  const { shards, compression, accept } = options
  return new WebSocketServer({
    handleSignals: true,
    logLevel: options['log-level'],
    accept,
    ...(accept === 'raw' && tls !== null && { tls }),
    ...(shards !== undefined && { shards }),
    ...(compression !== undefined && { compression }),
  })
}

/** @throws CommandError for options that exclude each other. */
function checkTogether(options: ServeOptions): void {
  for (const name of ['path', 'metrics', 'dashboard'] as const) {
    if (options[name]?.startsWith('/') === false)
      throw usageError(`--${name} must begin with /, got '${options[name]}'`)
  }
  if (options.metrics !== undefined && options.metrics === options.dashboard) {
    throw usageError(`--metrics and --dashboard must have different paths, got '${options.metrics}' for both`)
  }
  for (const name of ['static', 'metrics', 'dashboard'] as const) {
    if (options.accept === 'raw' && options[name] !== undefined) {
      throw usageError(`--accept raw leaves no other requests to answer: leave out --${name} or --accept`)
    }
  }
}

function isTypeScriptRefused(error: unknown): boolean {
  return error instanceof ShardwsError && error.message.includes('Unknown file extension ".ts"')
}
