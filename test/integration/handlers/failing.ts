import { closeBody, nextText, sendText } from '../../fixtures/engine-under-test.ts'
import { control, type HandlerBehaviour, postOf } from '../../fixtures/handlers/controlled.ts'
import { eventually } from '../../fixtures/journal.ts'
import { RecordingLogger } from '../../fixtures/recording-logger.ts'

export const failing: HandlerBehaviour = (t, start) => {
  for (const act of ['throw', 'reject']) {
    t.test(`a handler that ${act}s: an error of its connection, which goes on`, async (t) => {
      const engine = await start(t)
      const { journal } = engine
      const before = engine.server.stats()
      const one = await control(engine)
      one.order(act, { text: 'oops' })
      const { id, error } = await journal.until('error', () => journal.errors[0])
      t.same([id, error.name, error.message], [one.id, 'RangeError', 'oops'])
      t.match(error.stack, /control\.handler/)
      t.same(await postOf(journal, one.id, 'error'), ['oops', null])
      t.equal(typeof (await one.ask('thread')), 'string')
      t.equal(engine.server.stats().errors.handler - before.errors.handler, 1)
      t.equal(engine.server.stats().shardDeaths, before.shardDeaths)
    })
  }

  t.test('an error listener that fails itself is a line of the log, and nothing else', async (t) => {
    const logger = new RecordingLogger()
    const engine = await start(t, { logger })
    const one = await control(engine)
    one.order('failOnError', { text: 'oops' })
    const find = () => logger.records.find(({ message }) => message === 'an error listener threw or rejected')
    await eventually('the line', () => find() !== undefined)
    t.match(find(), { level: 'error', details: { error: 'Error: of the error listener' } })
    t.equal(typeof (await one.ask('thread')), 'string')
    t.same(
      engine.journal.errors.map(({ id, error }) => [id, error.message]),
      [[one.id, 'oops']],
    )
  })

  t.test('what the peer does wrong is an error with its code', async (t) => {
    const engine = await start(t)
    const { journal } = engine
    const one = await control(engine)
    await one.ask('thread')
    one.client.sendFrame({ opcode: 3, payload: '' })
    t.match(await one.client.waitClosed(), { closeCode: 1002 })
    t.match(await journal.until('error', () => journal.errors[0]), { id: one.id, error: { code: 'INVALID_OPCODE' } })
    t.match(await postOf(journal, one.id, 'error'), [String, 'INVALID_OPCODE'])
    t.match(await postOf(journal, one.id, 'close'), [1002])
  })
}

export const validating: HandlerBehaviour = (t, start, way) => {
  if (way.kind === 'function') {
    t.pass('a function has no schema')
    return
  }

  t.test('messages that do not match are not delivered', async (t) => {
    const engine = await start(t)
    const { journal } = engine
    const before = engine.server.stats()
    const { client, id } = await engine.join({ path: '/validated' })
    for (const [text, answer] of [
      ['{"n":1}', /^valid {"n":1}$/],
      ['{"n":"1"}', /^MESSAGE_INVALID: .*n: must be a number$/],
      ['{"n":', /^MESSAGE_INVALID: .*no JSON$/],
      ['{"n":2}', /^valid/],
    ] as const) {
      sendText(client, text)
      t.match(await nextText(client), answer)
    }
    client.sendFrame({ opcode: 2, payload: '{"n":1}' })
    t.match(await nextText(client), /binary/)
    t.equal(engine.server.stats().dropped.invalid - before.dropped.invalid, 3)
    t.match(await journal.until('errors', () => journal.errors[2]), { id, error: { code: 'MESSAGE_INVALID' } })
  })

  t.test(`onInvalid 'close' closes with 1008`, async (t) => {
    const engine = await start(t)
    const { client, id } = await engine.join({ path: '/strict' })
    sendText(client, '{"n":1}')
    t.equal(await nextText(client), 'valid {"n":1}')
    sendText(client, '{}')
    const { payload } = await client.closeFrame()
    t.equal(payload.readUInt16BE(0), 1008)
    client.sendFrame({ opcode: 8, payload: closeBody(1008) })
    t.equal((await engine.journal.closeOf(id)).code, 1008)
  })
}
