import { choice, choiceIf, integer, text, textIf, textOr, type ValuesOf } from '../command-options.ts'

const MOST_SHARDS = 256

export const SERVE_OPTIONS = {
  port: { ...integer(8080, { least: 0, most: 65_535 }, 'number', 'where to listen; 0 for a free one'), short: 'p' },
  host: textOr('127.0.0.1', 'address', 'of this machine; 0.0.0.0 or :: for all, so that others can connect'),
  path: text('path', 'take connections to this path only'),
  shards: integer(
    undefined,
    { least: 0, most: MOST_SHARDS },
    'number',
    'worker threads; without it one fewer than the cores',
  ),
  compression: choiceIf('shared', ['shared', 'dedicated'], 'compress messages (permessage-deflate)'),
  static: text('folder', 'serve its files over HTTP on the same port'),
  cert: text('file', 'TLS: the certificate, and what follows up to the root, in PEM'),
  key: text('file', 'TLS: its key in PEM'),
  metrics: textIf('/metrics', 'path', 'figures for Prometheus and shardws top (npm install prom-client)'),
  dashboard: textIf('/dashboard', 'path', 'a page that shows the server at work, to browsers on this machine'),
  accept: choice('attach', ['attach', 'raw'], 'raw: the shards read requests and speak TLS, for WebSocket only'),
  'log-level': choice('warn', ['error', 'warn', 'info', 'debug'], 'what is logged'),
}

export type ServeOptions = ValuesOf<typeof SERVE_OPTIONS>
