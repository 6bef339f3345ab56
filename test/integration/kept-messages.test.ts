import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { OWN_CONFIGURATIONS, RELAY_CONFIGURATION } from '../fixtures/configurations.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import keeping from '../fixtures/handlers/keeping.handler.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'
import { MessageClient } from '../fixtures/message-client.ts'

/** In one read and in several, with memory of their own and without, a few bytes apart. */
const SIZES = [100, 8 * 1024, 16_380, 16_384, 16_390, 40_000, 60_000, 100_000, 300_000, 1_000_000]
const ROUNDS = 4

function sha1(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex')
}

/** Every message in one go, then the next round: memory that was used before is at hand. */
async function converse(client: MessageClient): Promise<{ sent: string[]; answered: string[] }> {
  const [sent, answered]: string[][] = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    const messages = SIZES.map((size) => randomBytes(size))
    for (const message of messages) client.socket.send(message, { fin: true, binary: true })
    sent?.push(...messages.map(sha1))
    for (const _ of messages) answered?.push(sha1((await client.next()).data))
  }
  return { sent: sent as string[], answered: answered as string[] }
}

function ways(options: WebSocketServerOptions): [string, WebSocketServerOptions][] {
  return [
    ['on main', { ...options, handler: keeping }],
    ['a module', { ...options, handler: moduleOf('keeping') }],
  ]
}

for (const { name, options } of [...OWN_CONFIGURATIONS, RELAY_CONFIGURATION]) {
  for (const [where, withHandler] of ways({ ...options, maxBackpressure: 64 * 1024 * 1024 })) {
    t.test(`${name}, handler ${where}: a message that is kept is not written over by later ones`, async (t) => {
      const engine = await EngineUnderTest.start(t, withHandler)
      const client = await MessageClient.connect(`ws://127.0.0.1:${engine.port}`)
      client.socket.send('')
      const before = await client.nextText()
      const { sent, answered } = await converse(client)
      t.same(answered, sent, 'nor is an answer')
      client.socket.send('')
      const kept = (await client.nextText()).split(',')
      t.same(kept.slice(before === '' ? 0 : before.split(',').length), sent)
      await client.close()
    })
  }
}
