/** Milliseconds since the machine's start: the same for all processes, so that what they note can be compared. */
export function machineMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n) | 0
}
