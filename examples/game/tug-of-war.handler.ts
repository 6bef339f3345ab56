import { defineHandler } from '../../src/handler.ts'

/** Whoever gets the rope this far has won, and a new round begins. */
const WON_AT = 10

interface Game {
  /** Below 0: to the left. */
  rope: number
  /** Ever made in this game: nobody sees a number twice, or one left out. */
  pulls: number
  players: number
  readonly wins: { left: number; right: number }
}

/**
 * The games of this shard. `shardBy` brings all players of a game here, and a shard does one thing at a time: what is read and
 * written between two `await`s belongs together without a lock.
 */
const games = new Map<string, Game>()

/** Players of a game pull at one rope: they send 'left' or 'right', and all of them see where it is. */
export default defineHandler<unknown, { game: string }>({
  open(socket, { params }) {
    const game = games.get(params.game) ?? { rope: 0, pulls: 0, players: 0, wins: { left: 0, right: 0 } }
    games.set(params.game, game)
    game.players++
    socket.join(params.game)
    socket.send(describe(game, socket.shard))
  },
  message(socket, message) {
    const name = socket.params.game ?? ''
    const game = games.get(name)
    if (game === undefined || (message !== 'left' && message !== 'right')) return
    game.rope += message === 'left' ? -1 : 1
    game.pulls++
    if (Math.abs(game.rope) === WON_AT) {
      game.wins[message]++
      game.rope = 0
      // Main keeps the table of all games.
      socket.server.post({ game: name, wins: game.wins })
    }
    socket.publish(name, describe(game, socket.shard))
  },
  close({ params }) {
    const game = games.get(params.game ?? '')
    if (game !== undefined && --game.players === 0) games.delete(params.game ?? '')
  },
})

function describe(game: Game, shard: number): string {
  return JSON.stringify({ ...game, shard })
}
