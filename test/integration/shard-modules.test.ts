import t from 'tap'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { connectTo, ENTRANCES, type EntranceUnderTest } from '../fixtures/entrances-under-test.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'

/** What only a shard needs that reads requests, and TLS if it is meant to. */
const OF_A_FRONT = ['NativeModule http', 'NativeModule https', 'NativeModule tls']

const ATTACHED: EntranceUnderTest = { name: 'attach', isSecure: false, options: { accept: 'attach' } }

for (const entrance of [ATTACHED, ...ENTRANCES]) {
  const needed = entrance === ATTACHED ? [] : OF_A_FRONT
  t.test(`${entrance.name}: of node:http and node:tls a shard has loaded what it needs`, async (t) => {
    const handler = moduleOf('builtins')
    const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 1, handler })
    const client = await connectTo(engine, entrance)
    client.socket.send('')
    const loaded = new Set((await client.nextText()).split('\n'))
    t.ok(loaded.has('NativeModule net'), 'it is a list of modules')
    t.same(
      OF_A_FRONT.filter((name) => loaded.has(name)),
      needed,
    )
    await client.close()
  })
}
