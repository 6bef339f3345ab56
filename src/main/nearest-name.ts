/** From how many letters on a name that is a part of another is more than a coincidence. */
const TELLING_LETTERS = 4

/** The candidate that needs the fewest single-letter edits to become `name`, letter case aside; if some contain it, of those. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const containing = candidates.filter((candidate) => candidate.toLowerCase().includes(name.toLowerCase()))
  const isTelling = name.length >= TELLING_LETTERS && containing.length > 0
  let nearest: string | undefined
  let fewest = Number.POSITIVE_INFINITY
  for (const candidate of isTelling ? containing : candidates) {
    const edits = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (edits < fewest) {
      fewest = edits
      nearest = candidate
    }
  }
  return nearest
}

/** Levenshtein distance by rows: O(n·m) time, fine for names. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const current = [i]
    for (let j = 1; j <= to.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)
      current.push(Math.min(substitution, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[to.length] ?? 0
}
