import t from 'tap'
import { HandlerModules } from '../../src/main/handler-modules.ts'
import type { ShardwsError } from '../../src/shared/errors.ts'
import { encodeError } from '../../src/shared/values.ts'

const [CHAT, GAME] = [new URL('file:///chat.js'), new URL('file:///game.js')]
const FINE = Buffer.alloc(0)
const BROKEN = encodeError(new TypeError('no database'))

class FakeShard {
  readonly loads: string[] = []
  readonly causes: ShardwsError[] = []
  readonly link = { load: (module: number, url: string) => void this.loads.push(`${module} ${url}`) }

  abandon(cause: ShardwsError): void {
    this.causes.push(cause)
  }
}

function setUp() {
  const shards: FakeShard[] = []
  let firsts = 0
  const modules = new HandlerModules(
    () => shards,
    () => firsts++,
  )
  /** A shard that has just been started with the modules that are known. */
  const start = (known = modules.urls.length): FakeShard => {
    const shard = new FakeShard()
    shards.push(shard)
    modules.onShardCreated(shard, known)
    return shard
  }
  return { modules, start, firsts: () => firsts }
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let hasSettled = false
  const settle = (): void => {
    hasSettled = true
  }
  promise.then(settle, settle)
  await new Promise((resolve) => setImmediate(resolve))
  return hasSettled
}

t.test('each URL is one module, by its index', async (t) => {
  const { modules, firsts } = setUp()
  t.equal(modules.isEmpty, true)
  const [chat, game, again] = [modules.add(CHAT), modules.add(GAME), modules.add(new URL(CHAT))]
  t.same([chat.index, game.index, again], [0, 1, chat])
  t.same(modules.urls, [CHAT.href, GAME.href])
  t.same([modules.isEmpty, firsts()], [false, 1])
})

t.test('ready when every shard that was started with it says so', async (t) => {
  const { modules, start } = setUp()
  const { isReady } = modules.add(CHAT)
  t.equal(await isSettled(isReady), false, 'there is no shard yet')
  const [one, two] = [start(), start()]
  t.same([one.loads, two.loads], [[], []], 'they load it unasked')
  modules.onLoaded(one, 0, FINE)
  t.equal(await isSettled(modules.ready()), false)
  modules.onLoaded(two, 0, FINE)
  await isReady
  await modules.ready()
})

t.test('shards that run already, or were started before it was known, are told to load it', async (t) => {
  const { modules, start } = setUp()
  const running = start()
  modules.add(CHAT)
  const starting = start(0)
  t.same([running.loads, starting.loads], [[`0 ${CHAT.href}`], [`0 ${CHAT.href}`]])
  modules.onLoaded(running, 0, FINE)
  t.equal(await isSettled(modules.ready()), false)
  modules.onShardEnded(starting)
  await modules.ready()
})

t.test('a shard that ends before it has said anything proves nothing', async (t) => {
  const { modules, start } = setUp()
  modules.add(CHAT)
  modules.onShardEnded(start())
  t.equal(await isSettled(modules.ready()), false)
  modules.onLoaded(start(), 0, FINE)
  await modules.ready()
})

t.test('one that cannot be loaded stays so, and costs no shard', async (t) => {
  const { modules, start } = setUp()
  const { isReady } = modules.add(CHAT)
  const [one, two] = [start(), start()]
  modules.onLoaded(one, 0, FINE)
  modules.onLoaded(two, 0, BROKEN)
  const expected = {
    code: 'HANDLER_LOAD_FAILED',
    message: /chat\.js could not be loaded: .*no database/,
    cause: TypeError,
  }
  await t.rejects(isReady, expected)
  modules.onLoaded(start(), 0, BROKEN)
  await t.rejects(modules.ready(), expected)
  t.same([one.causes, two.causes], [[], []])
})

t.test('a later shard that cannot load what others have is given up', async (t) => {
  const { modules, start } = setUp()
  modules.add(CHAT)
  modules.onLoaded(start(), 0, FINE)
  const late = start()
  t.equal(await isSettled(modules.ready()), true, 'nobody waits for it')
  modules.onLoaded(late, 0, BROKEN)
  t.match(late.causes, [{ code: 'HANDLER_LOAD_FAILED', message: /no database/ }])
  await modules.ready()
})
