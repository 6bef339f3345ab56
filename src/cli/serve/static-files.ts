import { createReadStream, type Stats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { splitTarget } from '../../shared/protocol/handshake.ts'
import { CommandError } from '../command-error.ts'
import { explain } from '../explain.ts'
import { contentTypeOf } from './content-types.ts'

const INDEX = 'index.html'
/** Of the paths of this system, and NUL, which ends them. */
const SEPARATORS = sep === '/' ? /[/\0]/ : /[/\\:\0]/

interface FoundFile {
  readonly path: string
  readonly stats: Stats
}

/** The files of one folder over HTTP: whole, by GET and HEAD, with validators. Names that begin with a dot are hidden. */
export class StaticFiles {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** @throws CommandError */
  static async open(folder: string): Promise<StaticFiles> {
    try {
      const path = await realpath(folder)
      if ((await stat(path)).isDirectory()) return new StaticFiles(path)
    } catch (error) {
      throw new CommandError(`--static ${folder}: ${explain(error)}`)
    }
    throw new CommandError(`--static ${folder}: is no directory`)
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '/' } = request
    if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405, { Allow: 'GET, HEAD' })
    const { path, query } = splitTarget(url)
    const segments = readPath(path)
    const found = segments === null ? null : await this.#find(segments)
    if (found === null || segments === null) return refuse(response, 404)
    const isFolder = segments.at(-1) === ''
    if (found.stats.isDirectory() && !isFolder) {
      // Relative links of the page begin at its folder. Encoded anew, so that no part of it is taken for a host.
      const location = `/${segments.map(encodeURIComponent).join('/')}/${query === '' ? '' : `?${query}`}`
      return refuse(response, 301, { Location: location })
    }
    const file = found.stats.isDirectory() ? await this.#find([...segments.slice(0, -1), INDEX]) : found
    if (file === null || !file.stats.isFile() || (isFolder && found === file)) return refuse(response, 404)
    await send(file, request, response)
  }

  /** Null for what is not there, and for links that lead out of the folder. */
  async #find(segments: readonly string[]): Promise<FoundFile | null> {
    try {
      const path = await realpath(join(this.folder, ...segments))
      const inside = this.folder.endsWith(sep) ? this.folder : this.folder + sep
      if (path !== this.folder && !path.startsWith(inside)) return null
      return { path, stats: await stat(path) }
    } catch {
      return null
    }
  }
}

/** The decoded segments of a path, the last one '' for a folder; null for what names no file of ours. */
function readPath(path: string): string[] | null {
  const encoded = path.split('/')
  if (encoded.shift() !== '') return null
  const segments = encoded.map(decode)
  const isWhole = segments.every(
    (segment, index) => segment !== null && (segment !== '' || index === segments.length - 1),
  )
  return isWhole ? (segments as string[]) : null
}

/** Null for `.`, `..` and all other hidden names, and for what the file system would take apart. */
function decode(encoded: string): string | null {
  try {
    const segment = decodeURIComponent(encoded)
    const isHidden = segment.startsWith('.') && segment !== '.well-known'
    return isHidden || SEPARATORS.test(segment) ? null : segment
  } catch {
    return null
  }
}

async function send({ path, stats }: FoundFile, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const headers = {
    // Weak: another byte within the same millisecond would go unnoticed.
    ETag: `W/"${stats.size.toString(16)}-${Math.floor(stats.mtimeMs).toString(16)}"`,
    'Last-Modified': stats.mtime.toUTCString(),
    'Cache-Control': 'no-cache',
    'X-Content-Type-Options': 'nosniff',
  }
  if (isKnown(request, headers)) {
    response.writeHead(304, headers).end()
    return
  }
  response.writeHead(200, { ...headers, 'Content-Type': contentTypeOf(path), 'Content-Length': stats.size })
  if (request.method === 'HEAD' || stats.size === 0) {
    response.end()
    return
  }
  try {
    // As much as was announced, also when the file has grown meanwhile.
    await pipeline(createReadStream(path, { end: stats.size - 1 }), response)
  } catch {
    // The client has gone, or the file: an answer that ends early says so.
    response.destroy()
  }
}

/** RFC 9110 §13.2.2. Dates are compared as they were given out: whoever has another one gets the file. */
function isKnown({ headers }: IncomingMessage, { ETag, ...ours }: { ETag: string; 'Last-Modified': string }): boolean {
  const tags = headers['if-none-match']
  if (tags === undefined) return headers['if-modified-since'] === ours['Last-Modified']
  return tags.split(',').some((tag) => tag.trim() === '*' || tag.trim() === ETag)
}

function refuse(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response
    .writeHead(status, { ...headers, 'Content-Type': 'text/plain; charset=utf-8' })
    .end(`${STATUS_CODES[status]}\n`)
}
