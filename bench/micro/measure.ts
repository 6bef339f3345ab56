const SAMPLES = 9
/** Milliseconds one sample should take: long enough for the clock, short enough to stay undisturbed. */
const SAMPLE_MS = 25

/** Runs `work` until its cost is stable and prints the best time of one of the `operations` it does, in ns. */
export function measure(name: string, operations: number, work: () => void): void {
  let rounds = 1
  while (timeOf(work, rounds) < SAMPLE_MS) rounds *= 2
  let best = Number.POSITIVE_INFINITY
  for (let sample = 0; sample < SAMPLES; sample += 1) best = Math.min(best, timeOf(work, rounds))
  const nanoseconds = (best * 1e6) / (rounds * operations)
  console.log(`${name.padEnd(44)} ${nanoseconds.toFixed(1).padStart(12)} ns/op`)
}

function timeOf(work: () => void, rounds: number): number {
  const begin = performance.now()
  for (let round = 0; round < rounds; round += 1) work()
  return performance.now() - begin
}
