/** The module that computes, one thread for each call: how many primes there are up to `limit`. Milliseconds of pure CPU. */
export default function countPrimes(limit: number): number {
  const isComposite = new Uint8Array(limit + 1)
  let count = 0
  for (let number = 2; number <= limit; number++) {
    if (isComposite[number]) continue
    count++
    for (let multiple = number * number; multiple <= limit; multiple += number) isComposite[multiple] = 1
  }
  return count
}
