import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import type { EngineUnderTest } from '../../fixtures/engine-under-test.ts'
import { moduleOf } from '../../fixtures/handlers/ways.ts'
import { eventually } from '../../fixtures/journal.ts'
import type { MessageClient } from '../../fixtures/message-client.ts'

const ECHO = {
  message: (socket: { send(message: string | Uint8Array): unknown }, message: string | Uint8Array) => {
    socket.send(message)
  },
}

/** Handlers that answer every message with itself. */
export const ECHOES = [
  ['on main', ECHO],
  ['in the shards', moduleOf('moving')],
] as const

interface Conversation {
  readonly client: MessageClient
  /** Another client, who comes when the first has gone. */
  readonly join: () => Promise<MessageClient>
  readonly largeBytes: number
}

/** A server that compresses, with one of `ECHOES`: messages, large ones, and both ways to close. */
export async function converse(t: Test, engine: EngineUnderTest, { client, join, largeBytes }: Conversation) {
  t.match(client.socket.extensions, 'permessage-deflate')
  client.socket.send('hello')
  t.equal(await client.nextText(), 'hello')
  const large = randomBytes(largeBytes)
  client.socket.send(large)
  t.ok((await client.next()).data.equals(large))
  t.same(await client.close(3001, 'bye'), { code: 3001, reason: '' })
  await eventually('its end', () => engine.journal.closes.length === 1)
  t.match(engine.journal.closes, [{ code: 3001, reason: 'bye' }])

  const other = await join()
  const id = await engine.journal.until('its opening', () => engine.server.getConnections()[0])
  engine.server.close(id, 4001, 'enough')
  t.same(await other.closed, { code: 4001, reason: 'enough' })
  t.same(engine.journal.errors, [])
}
