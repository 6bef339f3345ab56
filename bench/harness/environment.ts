import { createRequire } from 'node:module'
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os'
import { NESTED_PACKAGE, PEERS } from '../peers.ts'

/** What a result must say about where it came from. */
export interface Environment {
  readonly date: string
  readonly versions: { readonly Node: string; readonly [server: string]: string }
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly system: string
  /** Processes that wanted a core in the minute before the run: above 0.5 somebody else was using the machine. */
  readonly loadAverageBefore: number
}

export function readEnvironment(): Environment {
  const [cpu] = cpus()
  const [minute] = loadavg()
  const isThere = (name: string): boolean => PEERS.some((peer) => peer.name === name && peer.missing === null)
  return {
    date: new Date().toISOString(),
    versions: {
      Node: process.version,
      ws: packageVersion('ws', import.meta.url),
      shardws: packageVersion('shardws', import.meta.url),
      ...(isThere('ws-bufferutil') && { bufferutil: packageVersion('bufferutil', NESTED_PACKAGE) }),
      ...(isThere('bun') && { Bun: packageVersion('bun', NESTED_PACKAGE) }),
    },
    cpu: cpu?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${platform()} ${release()} ${arch()}`,
    loadAverageBefore: minute ?? 0,
  }
}

function packageVersion(name: string, from: string | URL): string {
  const manifest = createRequire(from)(`${name}/package.json`) as { version: string }
  return manifest.version
}
