import { totalmem } from 'node:os'

/** What this process may hold: what its container (cgroup) allows, or else what the machine has. */
export function affordableMemory(constrained = process.constrainedMemory() ?? 0, machine = totalmem()): number {
  // Without a limit Node tells 0, undefined or more than there is, depending on its version and the kernel's.
  return constrained > 0 ? Math.min(constrained, machine) : machine
}
