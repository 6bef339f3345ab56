import { closeBody } from '../../fixtures/engine-under-test.ts'
import { RawOpcode } from '../../fixtures/raw-frame.ts'
import type { Behaviour } from './behaviour.ts'

export const capacity: Behaviour = (t, start) => {
  t.test('over maxConnections clients are sent away, and a freed place is given again', async (t) => {
    const engine = await start(t, { maxConnections: 2 })
    const [first] = await engine.joinMany(2)
    const refused = await engine.open()
    t.equal(refused.response.status, 503)
    const [retryAfter] = refused.response.headers.get('retry-after') ?? []
    t.match(retryAfter, /^[1-9]\d*$/)
    t.match(await refused.waitClosed(), { how: 'fin' })
    t.same(engine.server.stats().rejected, { total: 1, reasons: { OVER_CAPACITY: 1 } })

    let leaving = first
    for (let round = 0; round < 5 && leaving !== undefined; round++) {
      leaving.client.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(1000) })
      await engine.journal.closeOf(leaving.id)
      leaving = await engine.join()
      t.equal(await engine.statusOf(), 503)
    }
    t.equal(engine.server.getConnections().length, 2)
  })
}
