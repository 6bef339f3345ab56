import { closeBody } from '../../fixtures/engine-under-test.ts'
import { RawOpcode } from '../../fixtures/raw-frame.ts'
import type { Behaviour } from './behaviour.ts'

const INVALID_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 1000.5, Number.NaN, -1, '1000']

export const closing: Behaviour = (t, start) => {
  t.test('the server closes with code and reason', async (t) => {
    const engine = await start(t)
    const { client, id } = await engine.join()
    engine.server.close(id, 4321, 'důvod')
    engine.server.close(id, 1000, 'only the first one counts')
    const { payload } = await client.closeFrame()
    t.same(payload, closeBody(4321, 'důvod'))
    client.sendFrame({ opcode: RawOpcode.Close, payload })
    t.equal((await engine.journal.closeOf(id)).code, 4321)
    t.match(await client.waitClosed(), { how: 'fin', framesAfterClose: 0, bytesLeft: 0 })
    t.equal(engine.journal.closes.length, 1)
  })

  t.test('close without arguments is 1000, and unknown ids are ignored', async (t) => {
    const engine = await start(t)
    const { client, id } = await engine.join()
    engine.server.close('nobody', 1000, 'x')
    engine.server.close(id)
    t.same((await client.closeFrame()).payload, closeBody(1000))
  })

  t.test('the client closes, with and without a code', async (t) => {
    const engine = await start(t)
    const withCode = await engine.join()
    withCode.client.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(3999, 'mám dost') })
    t.same(await engine.journal.closeOf(withCode.id), { id: withCode.id, code: 3999, reason: 'mám dost' })
    t.match(await withCode.client.waitClosed(), { how: 'fin', closeCode: 3999 })
    const without = await engine.join()
    without.client.sendFrame({ opcode: RawOpcode.Close })
    t.same(await engine.journal.closeOf(without.id), { id: without.id, code: 1005, reason: '' })
    t.match(await without.client.waitClosed(), { how: 'fin', closeCode: 1005 })
  })

  t.test('invalid codes and reasons are the mistake of the caller', async (t) => {
    const engine = await start(t)
    const { client, id } = await engine.join()
    for (const code of INVALID_CODES) {
      t.throws(() => engine.server.close(id, code as number), { code: 'ARGUMENT_INVALID' }, String(code))
    }
    t.throws(() => engine.server.close(id, 1000, 5 as unknown as string), { code: 'ARGUMENT_INVALID' })
    engine.server.send(id, 'still open')
    t.equal((await client.nextMessage()).payload.toString(), 'still open')
  })

  t.test('a reason over 123 bytes is cut at a character', async (t) => {
    const engine = await start(t)
    const cases = [
      ['a'.repeat(123), 'a'.repeat(123)],
      ['a'.repeat(124), 'a'.repeat(123)],
      [`${'a'.repeat(122)}é`, 'a'.repeat(122)],
      [`${'a'.repeat(121)}é`, `${'a'.repeat(121)}é`],
      [`${'a'.repeat(120)}🐎`, 'a'.repeat(120)],
      ['漢'.repeat(50), '漢'.repeat(41)],
    ] as const
    for (const [given, sent] of cases) {
      const { client, id } = await engine.join()
      engine.server.close(id, 1000, given)
      t.equal((await client.closeFrame()).payload.toString('utf8', 2), sent)
    }
  })

  t.test('messages sent before close arrive before the close frame', async (t) => {
    const engine = await start(t)
    const { client, id } = await engine.join()
    for (let i = 0; i < 50; i++) engine.server.send(id, `${i}`)
    engine.server.close(id, 1000)
    for (let i = 0; i < 50; i++) t.equal((await client.nextFrame()).payload.toString(), `${i}`)
    t.equal((await client.nextFrame()).opcode, RawOpcode.Close)
  })

  t.test('terminate ends at once with 1006', async (t) => {
    const engine = await start(t)
    const { client, id, peer } = await engine.join()
    peer.terminate()
    t.match(await client.waitClosed(), { closeFrameSeen: false })
    t.equal((await engine.journal.closeOf(id)).code, 1006)
  })
}
