import t from 'tap'
import type { Socket } from '../../src/index.ts'
import { TWO_CONFIGURATIONS } from '../fixtures/configurations.ts'
import { type Deferred, deferred } from '../fixtures/deferred.ts'
import { closeBody, EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

for (const { name, options } of TWO_CONFIGURATIONS) {
  t.test(name, async (t) => {
    for (const [binaryType, isOfType] of [
      ['buffer', Buffer.isBuffer],
      ['uint8array', (value: unknown) => value instanceof Uint8Array && !Buffer.isBuffer(value)],
      ['arraybuffer', (value: unknown) => value instanceof ArrayBuffer],
    ] as const) {
      t.test(`OP18 binaryType: '${binaryType}'`, async (t) => {
        const engine = await EngineUnderTest.start(t, { ...options, binaryType })
        const got: unknown[] = []
        engine.server.route('/', {
          open: (socket: Socket) => socket.onMessage((message) => got.push(message)),
          message: (_socket, message) => got.push(message),
        })
        const client = await engine.open({ path: '/' })
        for (const text of ['one', 'two']) client.sendFrame({ opcode: RawOpcode.Binary, payload: text })
        sendText(client, 'three')
        await engine.journal.messageCount(3)
        t.same(got.slice(4), ['three', 'three'])
        for (const [at, value] of got.slice(0, 4).entries()) {
          t.ok(isOfType(value))
          t.equal(Buffer.from(value as Uint8Array<ArrayBuffer>).toString(), at < 2 ? 'one' : 'two')
        }
        t.ok(
          engine.journal.messages.every(({ message }) => Buffer.isBuffer(message)),
          'the server’s event has Buffers',
        )
      })
    }

    t.test('CO32 serialize: one message at a time per socket, whoever else is busy', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...options, serialize: true })
      const works: { readonly text: string; readonly work: Deferred<void> }[] = []
      const told: string[] = []
      engine.server.route('/', {
        open: (socket: Socket) => socket.onClose(() => told.push('close')),
        async message(socket, message) {
          told.push(`begin ${message}`)
          if (message === 'at once') return
          const work = deferred<void>()
          works.push({ text: `${message}`, work })
          await work.promise
          told.push(`end ${message}`)
          socket.send(`${message}`)
        },
      })
      const finish = (text: string): void => works.find((each) => each.text === text)?.work.resolve(undefined)
      const [one, other] = [await engine.open({ path: '/' }), await engine.open({ path: '/' })]
      for (const text of ['1', 'at once', '2']) sendText(one, text)
      one.sendFrame({ opcode: RawOpcode.Ping, payload: 'behind them' })
      t.equal(`${(await one.nextControl()).payload}`, 'behind them', 'the shard has read them all')
      sendText(other, 'a')
      await engine.journal.messageCount(2)
      t.same(told.sort(), ['begin 1', 'begin a'])
      finish('1')
      t.equal(await nextText(one), '1')
      await engine.journal.messageCount(4)
      t.same(told.splice(0), ['begin 1', 'begin a', 'end 1', 'begin at once', 'begin 2'])
      sendText(one, '3')
      one.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(1000) })
      await one.waitClosed()
      finish('2')
      await engine.journal.messageCount(5)
      finish('3')
      await engine.journal.until('close', () => engine.journal.closes[0])
      t.same(told, ['end 2', 'begin 3', 'end 3', 'close'], 'who has closed is heard to the end, then its close')
      finish('a')
      t.equal(await nextText(other), 'a')
    })

    t.test('CO32 serialize: what waits counts as unprocessed, and a failure does not stop the rest', async (t) => {
      const maxUnprocessedMessages = 4
      const engine = await EngineUnderTest.start(t, { ...options, serialize: true, maxUnprocessedMessages })
      let running = 0
      let most = 0
      engine.server.route('/', {
        async message(socket, message) {
          most = Math.max(most, ++running)
          await new Promise((resolve) => setImmediate(resolve))
          running--
          if (Number(message) % 3 === 0) throw new Error('a third')
          socket.send(message)
        },
      })
      const client = await engine.open({ path: '/' })
      for (let number = 0; number < 60; number++) sendText(client, `${number}`)
      for (let number = 0; number < 60; number++) {
        if (number % 3 !== 0) t.equal(await nextText(client), `${number}`)
      }
      t.equal(most, 1)
      t.equal(engine.journal.errors.length, 20)
      t.ok((engine.server.stats().limits.maxUnprocessedMessages ?? 0) > 0)
    })

    t.test('CO32 serialize: messages held for open and middleware are serialized too', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...options, serialize: true })
      const opened = deferred<void>()
      let running = 0
      let most = 0
      engine.server.route('/', {
        open: () => opened.promise,
        async message(socket, message) {
          most = Math.max(most, ++running)
          await new Promise((resolve) => setImmediate(resolve))
          running--
          socket.send(message)
        },
      })
      const client = await engine.open({ path: '/' })
      for (const text of ['1', '2', '3']) sendText(client, text)
      client.sendFrame({ opcode: RawOpcode.Ping, payload: '' })
      await client.nextControl()
      opened.resolve(undefined)
      for (const text of ['1', '2', '3']) t.equal(await nextText(client), text)
      t.equal(most, 1)
    })

    t.test('CO32 serialize: a handler that never ends does not keep the close from being told', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...options, serialize: true, middlewareTimeoutMs: 60 })
      engine.server.route('/', { message: () => new Promise(() => {}) })
      const { client, id } = await engine.join({ path: '/' })
      for (const text of ['1', '2']) sendText(client, text)
      await engine.journal.messageCount(1)
      client.reset()
      await engine.journal.closeOf(id)
      t.same(engine.journal.texts(id), ['1', '2'])
    })
  })
}
