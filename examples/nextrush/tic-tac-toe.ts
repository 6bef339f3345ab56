const LINES = ['012', '345', '678', '036', '147', '258', '048', '246'].map((line) => [...line].map(Number))

/** One game for two. */
export class TicTacToe {
  readonly board: (string | null)[] = Array(9).fill(null)
  /** In the order in which they came; the first begins. Others only watch. */
  readonly players: string[] = []
  #moves = 0

  get state(): 'waiting' | 'playing' | 'over' {
    if (this.winner !== null) return 'over'
    return this.players.length < 2 ? 'waiting' : 'playing'
  }

  /** Who has three in a row, 'nobody' when the board is full, or null. */
  get winner(): string | null {
    for (const [a = 0, b = 0, c = 0] of LINES) {
      const player = this.board[a] ?? null
      if (player !== null && player === this.board[b] && player === this.board[c]) return player
    }
    return this.#moves === 9 ? 'nobody' : null
  }

  /** False: the move is not allowed. */
  move(player: string, field: unknown): boolean {
    if (this.state !== 'playing' || this.players[this.#moves % 2] !== player) return false
    if (typeof field !== 'number' || this.board[field] !== null) return false
    this.board[field] = player
    this.#moves++
    return true
  }
}
