import t from 'tap'
import { Gate } from '../../src/shared/gate.ts'
import { deferred } from '../fixtures/deferred.ts'

function holding() {
  const gate = new Gate()
  const told: string[] = []
  const hold = (text: string, work?: Promise<unknown>) =>
    gate.hold(() => {
      told.push(text)
      return work
    })
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
