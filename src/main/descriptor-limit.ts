import { readFileSync } from 'node:fs'

/** Descriptors kept for everything but connections: threads, files, sockets to databases, clients that are being refused. */
const HEADROOM = 256

/** How many of `wanted` connections this process may have descriptors for. */
export function affordableConnections(wanted: number, mostFiles = openFilesLimit()): number {
  const most = mostFiles >= 2 * HEADROOM ? mostFiles - HEADROOM : Math.max(1, Math.floor(mostFiles / 2))
  return Math.min(wanted, most)
}

/** `ulimit -n` of this process; Infinity where it cannot be read. */
function openFilesLimit(): number {
  try {
    // Node has raised the soft limit to the hard one by now.
    const limits = readFileSync('/proc/self/limits', 'utf8')
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
