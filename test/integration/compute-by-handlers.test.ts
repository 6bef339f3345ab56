/** `socket.server.compute` is the same on main and in the shards. */
import { extname } from 'node:path'
import t from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { EngineUnderTest, type Joined, nextText, sendText } from '../fixtures/engine-under-test.ts'
import computing from '../fixtures/handlers/computing.ts'

const extension = extname(import.meta.url)
const TASKS = new URL(`../fixtures/compute/tasks${extension}`, import.meta.url)
const MODULE = new URL(`../fixtures/handlers/computing${extension}`, import.meta.url)

const WAYS: Readonly<Record<string, WebSocketServerOptions>> = {
  'handler on main': { shards: 1, handler: computing },
  'handler in the shards': { shards: 2, handler: MODULE },
  'shards: 0': { shards: 0, handler: MODULE },
}

async function ask({ client }: Joined, task: object): Promise<Record<string, unknown>> {
  sendText(client, JSON.stringify(task))
  return JSON.parse(await nextText(client)) as Record<string, unknown>
}

for (const [way, options] of Object.entries(WAYS)) {
  t.test(way, async (t) => {
    const compute = { filename: TASKS, maxThreads: 2 }
    const engine = await EngineUnderTest.start(t, { ...options, compute })
    const joined = await engine.join()
    t.same(await ask(joined, { act: 'echo', value: { list: [1, 'two', null] } }), {
      value: { list: [1, 'two', null] },
    })
    t.match(await ask(joined, { act: 'throw' }), { name: 'RangeError', message: 'ordered to throw' })
    t.match(await ask(joined, { act: 'exit' }), { code: 'COMPUTE_FAILED' })
    const others = await engine.joinMany(6)
    const values = await Promise.all(others.map((other, value) => ask(other, { act: 'echo', value })))
    t.same(
      values,
      others.map((_, value) => ({ value })),
      'each gets its own',
    )
    t.match(engine.server.stats().compute, { completed: 7, failed: 2 })
  })

  t.test(`${way}, without the option`, async (t) => {
    const engine = await EngineUnderTest.start(t, options)
    t.match(await ask(await engine.join(), { act: 'echo' }), { code: 'OPTION_INVALID', message: /options.compute/ })
  })
}
