import t from 'tap'
import { resolveOptions } from '../../src/main/resolve-options.ts'
import type { ShardOptions } from '../../src/shared/messages.ts'
import { Unprocessed } from '../../src/shared/unprocessed.ts'
import { type Deferred, deferred } from '../fixtures/deferred.ts'

class Desk {
  readonly told: string[] = []
  readonly #unprocessed: Unprocessed
  readonly #works: Deferred<void>[] = []

  constructor(options: Partial<ShardOptions>) {
    this.#unprocessed = new Unprocessed(
      { ...resolveOptions().shard, ...options },
      { pause: () => this.told.push('pause'), resume: () => this.told.push('resume') },
    )
  }

  take(messages: number, bytes = 1): void {
    for (let i = 0; i < messages; i++) {
      const work = deferred<void>()
      this.#works.push(work)
      this.#unprocessed.add(work.promise, bytes)
    }
  }

  onceIdle(): void {
    this.#unprocessed.onceIdle(() => this.told.push('idle'))
  }

  /** The oldest are done. */
  async finish(messages: number): Promise<void> {
    for (const work of this.#works.splice(0, messages)) work.resolve(undefined)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

t.test('row 75: reading pauses at the limit; the default is 256 messages', async (t) => {
  const desk = new Desk({})
  desk.take(255)
  t.same(desk.told, [])
  desk.take(1)
  t.same(desk.told, ['pause'])
  desk.take(100)
  t.same(desk.told, ['pause'], 'once, although a batch was on its way')
})

t.test('row 75: it resumes when half are done, the ones on their way included', async (t) => {
  const desk = new Desk({ maxUnprocessedMessages: 10 })
  desk.take(14)
  await desk.finish(8)
  t.same(desk.told, ['pause'], 'six are left')
  await desk.finish(1)
  t.same(desk.told, ['pause', 'resume'])
  desk.take(4)
  t.same(desk.told, ['pause', 'resume'], 'nine')
  desk.take(1)
  t.same(desk.told, ['pause', 'resume', 'pause'])
  await desk.finish(10)
  t.same(desk.told, ['pause', 'resume', 'pause', 'resume'])
})

t.test('row 75: bytes count as well; the default is 1 MiB', async (t) => {
  const desk = new Desk({})
  desk.take(1, 1024 * 1024 - 1)
  t.same(desk.told, [])
  desk.take(1, 1)
  t.same(desk.told, ['pause'])
  await desk.finish(1)
  t.same(desk.told, ['pause', 'resume'])
})

t.test('row 75: reading resumes only when there is room for both', async (t) => {
  const desk = new Desk({ maxUnprocessedMessages: 4, maxUnprocessedBytes: 100 })
  desk.take(1, 0)
  desk.take(1, 51)
  desk.take(1, 49)
  t.same(desk.told, ['pause'])
  await desk.finish(1)
  t.same(desk.told, ['pause'], 'two messages, but 100 bytes')
  await desk.finish(1)
  t.same(desk.told, ['pause', 'resume'])
})

t.test('row 75: a limit of one message is one at a time', async (t) => {
  const desk = new Desk({ maxUnprocessedMessages: 1 })
  desk.take(1)
  t.same(desk.told, ['pause'])
  await desk.finish(1)
  t.same(desk.told, ['pause', 'resume'])
})

t.test('row 75: a message larger than the limit passes alone', async (t) => {
  const desk = new Desk({ maxUnprocessedBytes: 10 })
  desk.take(1, 1000)
  await desk.finish(1)
  t.same(desk.told, ['pause', 'resume'])
})

t.test('who waits for it to be done is called once, when all is done, or at once', async (t) => {
  const desk = new Desk({})
  desk.onceIdle()
  t.same(desk.told, ['idle'])
  desk.take(2)
  desk.onceIdle()
  await desk.finish(1)
  t.same(desk.told, ['idle'])
  await desk.finish(1)
  t.same(desk.told, ['idle', 'idle'])
  desk.take(1)
  await desk.finish(1)
  t.same(desk.told, ['idle', 'idle'])
})
