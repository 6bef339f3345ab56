import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Before any shard starts: their contexts then have `gc`, and this one gets it here. */
export function exposeGarbageCollector(): void {
  setFlagsFromString('--expose-gc')
  Object.assign(globalThis, { gc: runInNewContext('gc') })
}

/** The one that lists them is not counted. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length - 1
}

export function rssBytes(): number {
  return statusBytes('VmRSS')
}

/** The kernel's high-water mark of RSS: it also sees what a blocked thread could not sample. */
export function peakRssBytes(): number {
  return statusBytes('VmHWM')
}

/** proc(5), clear_refs: 5 sets the high-water mark to what is resident now. */
export function resetPeakRss(): void {
  writeFileSync('/proc/self/clear_refs', '5')
}

function statusBytes(field: 'VmRSS' | 'VmHWM'): number {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'latin1'))
  return Number(kilobytes?.[1]) * 1024
}
