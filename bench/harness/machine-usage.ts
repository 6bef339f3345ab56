import { cpus } from 'node:os'

/** CPU time of the whole machine since it booted. */
export interface MachineUsage {
  readonly atMs: number
  readonly busyMs: number
}

export function readMachineUsage(): MachineUsage {
  const busyMs = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0)
  return { atMs: performance.now(), busyMs }
}

export function busyCores(before: MachineUsage, after: MachineUsage): number {
  return (after.busyMs - before.busyMs) / (after.atMs - before.atMs)
}
