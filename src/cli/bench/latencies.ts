/** Values below it have a bucket each; above it every power of two has half as many. */
const EXACT = 128
const PER_OCTAVE = EXACT / 2
const OCTAVES = 24
const BUCKETS = EXACT + OCTAVES * PER_OCTAVE

/** The parts of `Latencies` that cross threads. */
export interface LatencyCounts {
  readonly counts: Float64Array
  readonly sumUs: number
  readonly maxUs: number
}

/** How often which latency was seen, in microseconds, to 1.6 %: as much memory for one value as for a billion. */
export class Latencies {
  readonly #counts: Float64Array
  #sumUs: number
  #maxUs: number
  #count = 0

  constructor({ counts, sumUs, maxUs }: LatencyCounts = { counts: new Float64Array(BUCKETS), sumUs: 0, maxUs: 0 }) {
    this.#counts = counts
    this.#sumUs = sumUs
    this.#maxUs = maxUs
    for (const count of counts) this.#count += count
  }

  get count(): number {
    return this.#count
  }

  get maxUs(): number {
    return this.#maxUs
  }

  get meanUs(): number {
    return this.#count === 0 ? 0 : this.#sumUs / this.#count
  }

  record(latencyUs: number): void {
    const bucket = bucketOf(latencyUs)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#count += 1
    this.#sumUs += latencyUs
    if (latencyUs > this.#maxUs) this.#maxUs = latencyUs
  }

  add(other: LatencyCounts): void {
    for (const [bucket, count] of other.counts.entries()) {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count
      this.#count += count
    }
    this.#sumUs += other.sumUs
    this.#maxUs = Math.max(this.#maxUs, other.maxUs)
  }

  /** At most so many microseconds for that share of all, 0 to 1; 0 when there are none. */
  percentileUs(share: number): number {
    let missing = Math.ceil(share * this.#count)
    if (missing <= 0) return 0
    for (const [bucket, count] of this.#counts.entries()) {
      missing -= count
      if (missing <= 0) return Math.min(startOf(bucket + 1), this.#maxUs)
    }
    return this.#maxUs
  }

  /** The buckets that are not empty: where they begin and how much is in them, in order. */
  *buckets(): Generator<readonly [startUs: number, count: number]> {
    for (const [bucket, count] of this.#counts.entries()) if (count > 0) yield [startOf(bucket), count]
  }

  counts(): LatencyCounts {
    return { counts: this.#counts, sumUs: this.#sumUs, maxUs: this.#maxUs }
  }
}

function bucketOf(latencyUs: number): number {
  const whole = Math.max(0, Math.min(2 ** 31 - 1, Math.round(latencyUs)))
  if (whole < EXACT) return whole
  const octave = 31 - Math.clz32(whole) - Math.log2(PER_OCTAVE)
  return EXACT + (octave - 1) * PER_OCTAVE + (whole >>> octave) - PER_OCTAVE
}

function startOf(bucket: number): number {
  if (bucket < EXACT) return bucket
  const octave = 1 + Math.floor((bucket - EXACT) / PER_OCTAVE)
  return (PER_OCTAVE + ((bucket - EXACT) % PER_OCTAVE)) * 2 ** octave
}
