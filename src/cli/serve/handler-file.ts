import { stat } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CommandError, usageError } from '../command-error.ts'
import { explain } from '../explain.ts'

/** What the shards run. */
export interface HandlerFile {
  readonly url: URL
  /** As the user knows it. */
  readonly name: string
}

const BUILT_IN = ['echo', 'chat'] as const

/** 'echo', 'chat' or a file; echo when there is none. @throws CommandError */
export async function findHandler(operands: readonly string[]): Promise<HandlerFile> {
  const [name = 'echo', extra] = operands
  if (extra !== undefined)
    throw usageError(`one handler is enough, got '${extra}' too; routes belong into a program of yours`)
  if ((BUILT_IN as readonly string[]).includes(name)) return { url: builtIn(name), name }
  try {
    const isFile = (await stat(name)).isFile()
    if (isFile) return { url: pathToFileURL(resolve(name)), name }
  } catch (error) {
    throw new CommandError(`handler ${name}: ${explain(error)}; the built-in ones are ${BUILT_IN.join(' and ')}`)
  }
  throw new CommandError(`handler ${name}: is no file; a module whose default export is a handler is needed`)
}

/** In the sources and in dist alike: the extension is that of this file. */
function builtIn(name: string): URL {
  return new URL(`../../../workers/${name}.handler${extname(import.meta.url)}`, import.meta.url)
}
