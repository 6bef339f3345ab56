const NOTHING: NodeJS.MemoryUsage = { rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }

/**
 * Reads the memory of the process, which takes a descriptor: what throws because there is none left gives what it gave before.
 *
 * @param first What it gives if it never could be read.
 */
export function orAsBefore<Reading>(read: () => Reading, first: Reading): () => Reading {
  let latest = first
  return () => {
    try {
      latest = read()
      return latest
    } catch {
      return latest
    }
  }
}

export const memoryUsage = orAsBefore(process.memoryUsage, NOTHING)
