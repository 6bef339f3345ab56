const NOTHING: NodeJS.MemoryUsage = { rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }
let latest = NOTHING

/** `process.memoryUsage()`, which takes a descriptor and throws while the process has none left: then what it was before. */
export function memoryUsage(read: () => NodeJS.MemoryUsage = process.memoryUsage): NodeJS.MemoryUsage {
  try {
    latest = read()
    return latest
  } catch {
    return latest
  }
}
