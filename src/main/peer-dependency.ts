import { createRequire } from 'node:module'
import { ShardwsError } from '../shared/errors.ts'

/**
 * An optional peer dependency: loaded by the first call that needs it, never by an import of this package.
 *
 * @throws ShardwsError `missing`, also for a version that is too old.
 */
export function loadPeerDependency<Module>(
  name: string,
  leastMajor: number,
  missing: 'EXPRESS_MISSING' | 'PROM_CLIENT_MISSING',
): Module {
  const require = createRequire(import.meta.url)
  const load = <Loaded>(id: string): Loaded => {
    try {
      return require(id) as Loaded
    } catch (cause) {
      // One that is there and does not load has an error of its own to tell.
      if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause
      throw new ShardwsError(missing, undefined, { cause })
    }
  }
  const { version } = load<{ version: string }>(`${name}/package.json`)
  if (Number.parseInt(version, 10) < leastMajor) {
    const fix = `npm install ${name}@${leastMajor}`
    throw new ShardwsError(missing, `${name} ${leastMajor} is needed, ${version} is installed: ${fix}`)
  }
  return load<Module>(name)
}
