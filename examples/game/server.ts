/**
 * Tug of war in as many rooms as you like: the state of each is in one shard, in a plain object. `node dist/examples/game/server.js`
 *
 * Players connect to `/games/<name>` and send 'left' or 'right'.
 */
import { extname } from 'node:path'
import { WebSocketServer } from '../../src/index.ts'

const { HOST = '127.0.0.1', PORT = '8080', SHARDS } = process.env

const server = new WebSocketServer({
  // All players of a game are on the same shard, whoever comes first.
  shardBy: ({ params }) => params.game ?? '',
  handleSignals: true,
  ...(SHARDS !== undefined && { shards: Number(SHARDS) }),
})

server.route('/games/:game', new URL(`tug-of-war.handler${extname(import.meta.url)}`, import.meta.url))

server.on('post', (message) => {
  const { game, wins: latest } = message as { game: string; wins: { left: number; right: number } }
  console.log(`${game}: ${latest.left} to ${latest.right}`)
})

const { port } = await server.listen(Number(PORT), HOST)
console.log(`listening on http://${HOST}:${port}/`)
