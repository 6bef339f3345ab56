import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

/** The package finds itself by name: the page is read from the sources, wherever tsc has put this module. */
const MANIFEST = pathToFileURL(createRequire(import.meta.url).resolve('shardws/package.json'))
const PAGE = new URL('examples/demo/page/', MANIFEST)

const HTML = 'text/html; charset=utf-8'
const CSS = 'text/css; charset=utf-8'
const JAVASCRIPT = 'text/javascript; charset=utf-8'

/** Nothing else is served, so no path of a request ever reaches the file system. */
const FILES: readonly (readonly [path: string, file: string, type: string])[] = [
  ['/', 'index.html', HTML],
  ['/theme.css', 'theme.css', CSS],
  ['/welcome.css', 'welcome.css', CSS],
  ['/chat.css', 'chat.css', CSS],
  ['/icon.svg', 'icon.svg', 'image/svg+xml'],
  ['/main.js', 'main.js', JAVASCRIPT],
  ['/connection.js', 'connection.js', JAVASCRIPT],
  ['/conversation.js', 'conversation.js', JAVASCRIPT],
  ['/elements.js', 'elements.js', JAVASCRIPT],
  ['/people.js', 'people.js', JAVASCRIPT],
]

const HEADERS = {
  'Cache-Control': 'no-cache',
  // 'self' covers the WebSocket of the page in current browsers only.
  'Content-Security-Policy': "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

/** Answers GET and HEAD with the files of the page, which it reads once. */
export function createPageListener(): RequestListener {
  const pages = new Map(FILES.map(([path, file, type]) => [path, { type, body: readFileSync(new URL(file, PAGE)) }]))
  return ({ method, url = '/' }, response) => {
    const page = pages.get(url.split('?', 1)[0] ?? url)
    if (method !== 'GET' && method !== 'HEAD') response.writeHead(405, { Allow: 'GET, HEAD' }).end()
    else if (page === undefined) response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Not found\n')
    else
      response
        .writeHead(200, { ...HEADERS, 'Content-Type': page.type, 'Content-Length': page.body.length })
        .end(page.body)
  }
}
