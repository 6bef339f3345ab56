/** What memory that nobody has written to contains. */
export const CANARY = Buffer.from('!~canary of memory that was never written to~!')

/** From now on every unfilled buffer that this thread gets is full of canaries. */
export function poison(): void {
  const { allocUnsafe, allocUnsafeSlow } = Buffer
  Buffer.allocUnsafe = (size) => allocUnsafe.call(Buffer, size).fill(CANARY)
  Buffer.allocUnsafeSlow = (size) => allocUnsafeSlow.call(Buffer, size).fill(CANARY)
}
