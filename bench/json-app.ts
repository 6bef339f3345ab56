/** A request of the app `json`: a JSON text of exactly `bytes`, at least 128. */
export function requestOf(bytes: number): string {
  const scores = Array.from({ length: Math.floor((bytes - 96) / 4) }, (_, at) => 100 + ((at * 37) % 900))
  const request = { type: 'scores', game: 'general', player: 'user-17', scores, note: '' }
  const missing = bytes - JSON.stringify(request).length
  return JSON.stringify({ ...request, note: 'x'.repeat(missing) })
}

/** What every server under test answers: it reads the request and writes a reply of its own. */
export function answerTo(request: string): string {
  const { game, player, scores } = JSON.parse(request) as { game: string; player: string; scores: readonly number[] }
  const best = Math.max(...scores)
  const total = scores.reduce((sum, score) => sum + score, 0)
  return JSON.stringify({ type: 'ranking', game, player, best, total, scores: scores.slice(0, 10) })
}
