import createRouter from 'find-my-way'
import { asHandler } from './as-handler.ts'
import { ShardwsError } from './errors.ts'
import type { Handler, HandlerFunction } from './handler.ts'
import type { RouteMatch } from './route-match.ts'

/** Whole segments only: what find-my-way also knows (regular expressions, several parameters in one) nobody needs here. */
const STATIC_SEGMENT = /^[^:*?#%\s]*$/
const PARAM_SEGMENT = /^:[A-Za-z_]\w*$/

/** Which handler serves which path. Static segments come before `:name`, that before `*`, whatever came first. */
export class Router {
  /** Its limit on parameters would be a silent 404; `maxUrlLength` bounds them. */
  readonly #routes = createRouter({ maxParamLength: Number.MAX_SAFE_INTEGER, caseSensitive: true })
  /** Of all routes: one more like them could never be reached. */
  readonly #patterns = new Set<string>()
  /** As they were added. */
  readonly routes: { readonly path: string; readonly handler: Handler }[] = []

  get isEmpty(): boolean {
    return this.routes.length === 0
  }

  /** All of the paths, or none. @throws ShardwsError ARGUMENT_INVALID */
  add(paths: string | readonly string[], handler: Handler | HandlerFunction): void {
    const all = this.assertNew(paths)
    const store = asHandler(handler)
    for (const path of all) {
      this.#routes.on('GET', wholePath(path), ignore, store)
      this.#patterns.add(patternOf(path))
      this.routes.push({ path, handler: store })
    }
  }

  /** Returns as a list what `add` would take. @throws ShardwsError ARGUMENT_INVALID */
  assertNew(paths: string | readonly string[]): readonly string[] {
    const all = typeof paths === 'string' ? [paths] : paths
    if (!Array.isArray(all) || all.length === 0) throw invalidPath(paths)
    for (const path of all) assertPath(path)
    const patterns = new Set<string>()
    for (const path of all) {
      const pattern = patternOf(path)
      if (this.#patterns.has(pattern) || patterns.has(pattern))
        throw new ShardwsError('ARGUMENT_INVALID', `path: there is a route like '${path}' already`)
      patterns.add(pattern)
    }
    return all
  }

  /** Null: no route takes this path. */
  find(path: string): RouteMatch | null {
    const found = this.#routes.find('GET', path)
    if (found === null) return null
    const params = found.params as Record<string, string>
    // find-my-way takes '/rooms/' for '/rooms/:room'; a parameter that is nothing names nothing.
    for (const name in params) if (params[name] === '' && name !== '*') return null
    return { handler: found.store as Handler, params }
  }
}

function wholePath(path: string): string {
  return path === '*' ? '/*' : path
}

/** The same for paths that differ in the names of their parameters only. */
function patternOf(path: string): string {
  return wholePath(path).replace(/:\w+/g, ':')
}

function assertPath(path: unknown): void {
  if (path === '*') return
  if (typeof path !== 'string' || !path.startsWith('/')) throw invalidPath(path)
  const segments = path.slice(1).split('/')
  const last = segments.at(-1)
  const others = last === '*' ? segments.slice(0, -1) : segments
  if (!others.every((each) => STATIC_SEGMENT.test(each) || PARAM_SEGMENT.test(each))) throw invalidPath(path)
  const names = others.filter((each) => each.startsWith(':'))
  if (new Set(names).size !== names.length) throw invalidPath(path)
}

function invalidPath(path: unknown): ShardwsError {
  return new ShardwsError(
    'ARGUMENT_INVALID',
    `path must begin with '/' and have segments of text, ':name' (each once) or '*' (the last); got ${JSON.stringify(path)}`,
  )
}

/** find-my-way calls nothing of ours: only what is stored beside it is asked for. */
function ignore(): void {}
