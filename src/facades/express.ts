import { createRequire } from 'node:module'
import type express from 'express'
import { ShardwsError } from '../shared/errors.ts'

const LEAST_MAJOR = 5

/**
 * Express, an optional peer dependency: loaded by the first application that is made, never by an import of this package.
 *
 * @throws ShardwsError EXPRESS_MISSING, also for an Express that is too old.
 */
export function loadExpress(): typeof express {
  const require = createRequire(import.meta.url)
  const { version } = loadModule<{ version: string }>(require, 'express/package.json')
  if (Number.parseInt(version, 10) < LEAST_MAJOR) {
    throw new ShardwsError(
      'EXPRESS_MISSING',
      `Express ${LEAST_MAJOR} is needed, ${version} is installed: npm install express@${LEAST_MAJOR}`,
    )
  }
  return loadModule<typeof express>(require, 'express')
}

function loadModule<Module>(require: NodeJS.Require, id: string): Module {
  try {
    return require(id) as Module
  } catch (cause) {
    // One that is there and does not load has an error of its own to tell.
    if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause
    throw new ShardwsError('EXPRESS_MISSING', undefined, { cause })
  }
}
