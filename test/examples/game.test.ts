import t from 'tap'
import { ExampleProcess } from '../fixtures/example-process.ts'
import { MessageClient } from '../fixtures/message-client.ts'

const ROOMS = 1000
/** Opened at once: below every listen backlog. */
const BATCH = 50
const PULLS = 3
const SHARDS = 3

interface Seen {
  readonly rope: number
  readonly pulls: number
  readonly players: number
  readonly shard: number
}

interface Room {
  readonly players: readonly MessageClient[]
  readonly greetings: readonly Seen[]
}

async function open(url: string, room: number): Promise<Room> {
  const players: MessageClient[] = []
  const greetings: Seen[] = []
  for (const _ of ['one', 'two']) {
    const player = await MessageClient.connect(`${url}games/${room}`)
    players.push(player)
    greetings.push((await player.nextJson()) as unknown as Seen)
  }
  return { players, greetings }
}

/** Both players pull at once; returns what each has seen. */
function play({ players }: Room): Promise<Seen[][]> {
  for (const { socket } of players) for (let pull = 0; pull < PULLS; pull++) socket.send('right')
  return Promise.all(
    players.map(async (player) => {
      const seen: Seen[] = []
      while (seen.length < 2 * PULLS) seen.push((await player.nextJson()) as unknown as Seen)
      return seen
    }),
  )
}

t.test('a thousand games at once: each is whole, on one shard', async (t) => {
  const example = new ExampleProcess('game/server', { SHARDS: String(SHARDS) })
  t.teardown(() => example.kill())
  const url = await example.url()
  const rooms: Room[] = []
  while (rooms.length < ROOMS) {
    const numbers = Array.from({ length: BATCH }, (_, at) => rooms.length + at)
    rooms.push(...(await Promise.all(numbers.map((room) => open(url, room)))))
  }
  t.ok(rooms.every(({ greetings: [one, two] }) => one?.players === 1 && two?.players === 2 && one.shard === two.shard))
  t.equal(new Set(rooms.map(({ greetings }) => greetings[0]?.shard)).size, SHARDS, 'there are games on every shard')

  const games = await Promise.all(rooms.map(play))
  const expected = Array.from({ length: 2 * PULLS }, (_, at) => [at + 1, at + 1])
  let wrong = 0
  for (const [at, views] of games.entries()) {
    for (const seen of views) {
      const isOurs = seen.every(({ shard }) => shard === rooms[at]?.greetings[0]?.shard)
      const isWhole = JSON.stringify(seen.map(({ rope, pulls }) => [rope, pulls])) === JSON.stringify(expected)
      if (!isOurs || !isWhole) wrong++
    }
  }
  t.equal(wrong, 0, 'every player has seen every pull of the game once, in order')

  const [one, two] = rooms[7]!.players
  for (let pull = 0; pull < 4; pull++) one!.socket.send('right')
  await example.printed(/^7: 0 to 1$/m)
  for (const player of [one!, two!]) await player.close()
  const again = await open(url, 7)
  t.match(again.greetings, [
    { rope: 0, pulls: 0, players: 1 },
    { rope: 0, pulls: 0, players: 2 },
  ])
  for (const { players } of [...rooms, again]) for (const { socket } of players) socket.terminate()
  t.equal(await example.stop(), 0)
})
