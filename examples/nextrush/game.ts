/** Tic-tac-toe at /game/:gameId?playerId=, on SHARDS threads: `node dist/examples/nextrush/game.js` */
import { createApp, WebSocketPlugin, withWebSocket } from '../../src/facades/nextrush.ts'
import { parseObject, textWithin } from './json.ts'
import { serve } from './serve.ts'
import { TicTacToe } from './tic-tac-toe.ts'

interface Game {
  readonly game: TicTacToe
  /** Connections of each player, who may have several. */
  readonly present: Map<string, number>
}

const { SHARDS } = process.env

const app = createApp()
const games = new Map<string, Game>()

new WebSocketPlugin({
  path: '/game/*',
  maxConnections: 5000,
  ...(SHARDS !== undefined && { shards: Number(SHARDS) }),
  // All players of a game live on one shard: what one of them does wakes no other thread.
  shardBy: ({ path }) => path,
}).install(app)

const wsApp = withWebSocket(app)

wsApp.ws('/game/:gameId', (socket, req) => {
  const { gameId } = req.params
  const playerId = textWithin(req.query.playerId, 32)
  if (playerId === null) return socket.close(1008, 'Player ID required')

  const entry = games.get(gameId) ?? { game: new TicTacToe(), present: new Map() }
  games.set(gameId, entry)
  const { game, present } = entry
  const room = `game:${gameId}`
  const reply = (message: object): void => void socket.send(JSON.stringify(message))
  const tellAll = (message: object): void => void wsApp.wsBroadcast(JSON.stringify(message), room)

  present.set(playerId, (present.get(playerId) ?? 0) + 1)
  if (game.players.length < 2 && !game.players.includes(playerId)) game.players.push(playerId)
  socket.join(room)
  console.log(`${playerId} enters game ${gameId} on shard ${socket.shard}`)
  reply({ type: 'game_state', state: game.state, board: game.board, players: game.players })
  // Who has joined knows.
  const joined = { type: 'player_joined', playerId, playerCount: present.size }
  socket.broadcast(room, JSON.stringify(joined))

  socket.onMessage((data) => {
    const message = parseObject(data)
    if (message?.type === 'move') {
      if (!game.move(playerId, message.move)) return reply({ type: 'invalid_move', reason: 'Move not allowed' })
      tellAll({ type: 'move_made', playerId, move: message.move, board: game.board })
      if (game.winner !== null) tellAll({ type: 'game_over', winner: game.winner, finalBoard: game.board })
    } else if (message?.type === 'chat') {
      const text = textWithin(message.text, 500)
      if (text !== null) tellAll({ type: 'chat_message', playerId, message: text, timestamp: Date.now() })
    } else reply({ type: 'error', message: 'Unknown message type' })
  })

  socket.onClose(() => {
    const left = (present.get(playerId) ?? 1) - 1
    if (left > 0) present.set(playerId, left)
    else present.delete(playerId)
    if (present.size === 0) games.delete(gameId)
    else tellAll({ type: 'player_left', playerId, playerCount: present.size })
  })
})

app.get('/games', (ctx) => ctx.res.json([...games.keys()]))

await serve(app)
