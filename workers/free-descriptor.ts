import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'

/** Whether this process may open one descriptor more. Another thread may take it a moment later. */
export function hasFreeDescriptor(): boolean {
  try {
    closeSync(openSync(devNull, 'r'))
    return true
  } catch {
    return false
  }
}
