import t from 'tap'
import { Gate } from '../../src/shared/gate.ts'
import { deferred } from '../fixtures/deferred.ts'

function holding() {
  const told: string[] = []
  const works = new Map<string, Promise<unknown> | undefined>()
  const gate = new Gate((message) => {
    told.push(`${message}`)
    return works.get(`${message}`)
  })
  const hold = (text: string, work?: Promise<unknown>) => {
    works.set(text, work)
    return gate.hold(Buffer.from(text), false)
  }
  return { gate, told, hold }
}

t.test('LC26 what is held is delivered in order, the end last', async (t) => {
  const { gate, told, hold } = holding()
  for (const text of ['a', 'b', 'c']) void hold(text)
  gate.holdClose(() => told.push('end'))
  t.same(told, [])
  gate.enter()
  gate.release()
  t.same(told, ['a', 'b', 'c', 'end'])
  gate.release()
  gate.refuse()
  t.same(told, ['a', 'b', 'c', 'end'], 'once')
})

t.test('row 75: a held message is done when it was delivered and the application is done with it', async (t) => {
  const { gate, hold } = holding()
  const work = deferred<void>()
  const done: string[] = []
  void hold('at once')?.then(() => done.push('at once'))
  void hold('later', work.promise)?.then(() => done.push('later'))
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  await turn()
  t.same(done, [])
  gate.release()
  await turn()
  t.same(done, ['at once'])
  work.resolve(undefined)
  await turn()
  t.same(done, ['at once', 'later'])
})

t.test('AU12 who is refused is not heard, and nothing waits for it', async (t) => {
  const { gate, told, hold } = holding()
  const held = hold('before')
  gate.refuse()
  await held
  t.equal(hold('after'), undefined)
  gate.enter()
  gate.release()
  t.equal(gate.stage, 'refused')
  t.same(told, [])
  gate.holdClose(() => told.push('end'))
  t.same(told, ['end'])
})

t.test('AU12 who has left and is refused then has left', async (t) => {
  const { gate, told, hold } = holding()
  void hold('before')
  gate.holdClose(() => told.push('end'))
  t.ok(gate.isClosed)
  gate.refuse()
  t.same(told, ['end'])
})

t.test(
  'AU26 before it is authenticated its messages are taken one after the other, and the rest is delivered',
  async (t) => {
    const { gate, told, hold } = holding()
    gate.authenticate()
    const first = gate.next()
    void hold('who I am')
    void hold('again')
    void hold('news')
    t.equal(`${(await first)?.message}`, 'who I am')
    t.equal(`${(await gate.next())?.message}`, 'again')
    gate.enter()
    t.equal(gate.stage, 'open')
    gate.release()
    t.same(told, ['news'])
  },
)

t.test('AU26 only who is not in yet must still say who it is', async (t) => {
  const { gate } = holding()
  gate.authenticate()
  t.equal(gate.stage, 'authentication')
  gate.enter()
  gate.authenticate()
  t.equal(gate.stage, 'open')
})

t.test('AU26 there will be no further message from who has closed or is refused', async (t) => {
  for (const end of ['holdClose', 'refuse'] as const) {
    const { gate, hold } = holding()
    gate.authenticate()
    void hold('last')
    t.equal(`${(await gate.next())?.message}`, 'last')
    const next = gate.next()
    gate[end](() => {})
    t.equal(await next, undefined)
    t.equal(await gate.next(), undefined)
  }
})

t.test('CO32 messages are delivered until the application works on one', async (t) => {
  const { gate, told, hold } = holding()
  const works = ['1', '2'].map(() => deferred<void>())
  const done: string[] = []
  void hold('at once')?.then(() => done.push('at once'))
  void hold('1', works[0]?.promise)?.then(() => done.push('1'))
  void hold('2', works[1]?.promise)?.then(() => done.push('2'))
  gate.enter()
  gate.serve()
  gate.holdClose(() => told.push('end'))
  t.equal(gate.deliverUntilBusy(), works[0]?.promise)
  t.same(told, ['at once', '1'])
  gate.refuse()
  t.equal(gate.stage, 'busy', 'who was let in is heard to the end')
  works[0]?.resolve(undefined)
  await works[0]?.promise
  t.equal(gate.deliverUntilBusy(), works[1]?.promise)
  t.equal(gate.deliverUntilBusy(), undefined)
  gate.release()
  t.same(told, ['at once', '1', '2', 'end'])
  await new Promise((resolve) => setImmediate(resolve))
  t.same(done, ['at once', '1'])
})
