import { createRequire } from 'node:module'
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os'

/** What a result must say about where it came from. */
export interface Environment {
  readonly date: string
  readonly node: string
  readonly ws: string
  readonly shardws: string
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
  return {
    date: new Date().toISOString(),
    node: process.version,
    ws: packageVersion('ws'),
    shardws: packageVersion('shardws'),
    cpu: cpu?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${platform()} ${release()} ${arch()}`,
    loadAverageBefore: minute ?? 0,
  }
}

function packageVersion(name: string): string {
  const manifest = createRequire(import.meta.url)(`${name}/package.json`) as { version: string }
  return manifest.version
}
