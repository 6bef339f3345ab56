import type { WebSocketServer } from '../../facades/websocket-server.ts'
import { plural } from '../figures.ts'
import { formatRows } from '../help.ts'
import type { Terminal } from '../terminal.ts'
import type { HandlerFile } from './handler-file.ts'
import type { ServeOptions } from './serve-options.ts'
import type { StaticFiles } from './static-files.ts'

interface Announced {
  readonly options: ServeOptions
  readonly handler: HandlerFile
  readonly webSocket: WebSocketServer
  readonly files: StaticFiles | null
  readonly port: number
}

/** Says what is served where. */
export function announce({ out }: Terminal, { options, handler, webSocket, files, port }: Announced): void {
  const { path = '/', metrics, dashboard } = options
  const secure = options.cert === undefined ? '' : 's'
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  const at = (scheme: string, path: string): string => out.paint('cyan', `${scheme}${secure}://${host}:${port}${path}`)
  const { handoff, shards } = webSocket.stats()
  const rows: [string, string][] = [['WebSocket', at('ws', path)]]
  if (files !== null) rows.push(['files', `${at('http', '/')} from ${files.folder}`])
  if (metrics !== undefined) rows.push(['metrics', at('http', metrics)])
  if (dashboard !== undefined) rows.push(['dashboard', `${at('http', dashboard)} for browsers on this machine`])
  const threads = shards.length === 0 ? 'the main thread' : plural(shards.length, 'shard')
  out.line(`${out.paint('bold', `shardws serves ${handler.name}`)} on ${threads} (${handoff})`)
  for (const row of formatRows(rows)) out.line(row)
  out.line(out.paint('dim', 'Ctrl-C ends it, SIGHUP loads the handler anew.'))
}
