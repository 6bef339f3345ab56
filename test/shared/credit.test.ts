import fc from 'fast-check'
import t from 'tap'
import {
  allocateCredit,
  COMMAND_WINDOW_MESSAGES,
  CreditGranter,
  CreditSpender,
  EVENT_WINDOW,
} from '../../src/shared/credit.ts'

const WINDOW = { messages: 4, bytes: 100 }

function pair(window = WINDOW) {
  const memory = allocateCredit()
  return { spender: new CreditSpender(memory, 0, window), granter: new CreditGranter(memory, 0), memory }
}

t.test('the window closes at its number of messages and opens with the first taken', async (t) => {
  const { spender, granter } = pair()
  spender.spend(3, 0)
  t.ok(spender.hasCredit())
  spender.spend(1, 0)
  t.notOk(spender.hasCredit())
  granter.grant(1, 0)
  t.ok(spender.hasCredit())
})

t.test('the window closes at its number of bytes', async (t) => {
  const { spender, granter } = pair()
  spender.spend(1, 99)
  t.ok(spender.hasCredit())
  spender.spend(1, 1)
  t.notOk(spender.hasCredit())
  granter.grant(0, 1)
  t.ok(spender.hasCredit())
})

t.test('the windows of a link: 1024 events or 4 MiB, and a burst of commands', async (t) => {
  t.same(EVENT_WINDOW, { messages: 1024, bytes: 4 * 1024 * 1024 })
  t.ok(COMMAND_WINDOW_MESSAGES >= 100_000)
  const spender = new CreditSpender(allocateCredit(), 1, EVENT_WINDOW)
  spender.spend(1023, 4 * 1024 * 1024 - 1)
  t.ok(spender.hasCredit())
  spender.spend(1, 0)
  t.notOk(spender.hasCredit())
})

t.test('the two directions of a link do not touch each other', async (t) => {
  const memory = allocateCredit()
  const there = new CreditSpender(memory, 0, WINDOW)
  const back = new CreditSpender(memory, 1, WINDOW)
  there.spend(4, 0)
  t.ok(there.wait())
  t.notOk(there.hasCredit())
  t.ok(back.hasCredit())
  t.notOk(new CreditGranter(memory, 1).grant(4, 100), 'nobody waits in that direction')
  t.notOk(there.hasCredit())
})

for (const [name, nearWrap] of [
  ['2^31', 2 ** 31 - 2],
  ['2^32', 2 ** 32 - 2],
] as const) {
  t.test(`row 45: the cursors wrap at ${name} unnoticed`, async (t) => {
    const { spender, granter } = pair()
    for (let left = nearWrap; left > 0; left -= 2 ** 30) {
      const amount = Math.min(left, 2 ** 30)
      spender.spend(amount, amount)
      granter.grant(amount, amount)
    }
    t.ok(spender.hasCredit(), 'everything is taken')
    for (let i = 0; i < 3; i++) spender.spend(1, 1)
    t.ok(spender.hasCredit(), 'three of four')
    spender.spend(1, 97)
    t.notOk(spender.hasCredit(), 'both limits reached, beyond the wrap')
    granter.grant(1, 0)
    t.notOk(spender.hasCredit(), 'the bytes are still out')
    granter.grant(3, 100)
    t.ok(spender.hasCredit())
  })
}

t.test('wait: the next grant tells, once', async (t) => {
  const { spender, granter } = pair()
  spender.spend(4, 0)
  t.ok(spender.wait(), 'an answer will come')
  t.ok(granter.grant(1, 0), 'the other end must answer')
  t.notOk(granter.grant(1, 0), 'and only once')
})

t.test('wait with credit left: no answer will come, and none is owed', async (t) => {
  const { spender, granter } = pair()
  t.notOk(spender.wait())
  t.notOk(granter.grant(1, 0))
})

t.test('wait twice is one wait', async (t) => {
  const { spender, granter } = pair()
  spender.spend(4, 0)
  t.ok(spender.wait())
  t.ok(spender.wait())
  t.ok(granter.grant(4, 0))
  t.notOk(granter.grant(0, 0))
})

t.test('without a wait no grant tells', async (t) => {
  const { spender, granter } = pair()
  spender.spend(4, 0)
  t.notOk(granter.grant(4, 0))
})

/**
 * The race of `wait`: the other end takes everything between the store of the flag and the look at the cursors.
 * Played out by granting at the moment at which the spender looks.
 */
t.test('a grant in the middle of wait: exactly one end speaks', async (t) => {
  for (const [name, when] of [
    ['before the flag', 'store'],
    ['after the flag', 'load'],
  ] as const) {
    const { spender, granter } = pair()
    spender.spend(4, 0)
    const original = Atomics[when] as (...args: unknown[]) => unknown
    let answered: boolean | undefined
    // The first call inside `wait` is its store of the flag, the second its look at the cursors.
    const captured = t.capture(Atomics, when, ((...args: unknown[]) => {
      captured.restore()
      answered = granter.grant(4, 0)
      return original.apply(Atomics, args)
    }) as never)
    const willWait = spender.wait()
    t.equal(willWait, answered, `${name}: wait() is true if and only if the other end answers`)
    t.notOk(granter.grant(0, 0), `${name}: nothing is owed afterwards`)
  }
})

t.test('property: credit is exactly what is neither posted nor taken, wherever the cursors stand', async (t) => {
  const steps = fc.array(fc.tuple(fc.nat(3), fc.nat(60), fc.nat(3), fc.nat(60)), { maxLength: 60 })
  fc.assert(
    fc.property(fc.nat(2 ** 32 - 1), steps, (start, sequence) => {
      const { spender, granter } = pair()
      spender.spend(start, start)
      granter.grant(start, start)
      let [messages, bytes] = [0, 0]
      for (const [spentMessages, spentBytes, takenMessages, takenBytes] of sequence) {
        spender.spend(spentMessages, spentBytes)
        const [takeMessages, takeBytes] = [Math.min(messages, takenMessages), Math.min(bytes, takenBytes)]
        granter.grant(takeMessages, takeBytes)
        messages += spentMessages - takeMessages
        bytes += spentBytes - takeBytes
        if (spender.hasCredit() !== (messages < WINDOW.messages && bytes < WINDOW.bytes)) return false
      }
      return true
    }),
  )
  t.pass()
})
