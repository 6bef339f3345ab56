import t from 'tap'
import { identityOf, LocalRecovery, packData, type Resumable, SocketSession } from '../../src/shared/socket-session.ts'

class Joiner implements Resumable {
  data: unknown = {}
  readonly user: unknown
  readonly joined: string[] = []

  constructor(user?: unknown) {
    this.user = user
  }

  async joinAsync(room: string): Promise<boolean> {
    this.joined.push(room)
    return true
  }
}

function recovery(user: unknown, data: unknown = { note: 1 }): LocalRecovery {
  return new LocalRecovery({ rooms: ['a', 'b'], data: packData({ data, user }), identity: identityOf(user) })
}

t.test('users are told apart by id, by sub, or by all there is', async (t) => {
  const users = [undefined, null, 1, '1', 'ada', { name: 'ada' }, { name: 'eve' }, new Map([['a', 1]]), new Map(), {}]
  t.equal(new Set(users.map(identityOf)).size, users.length)
  t.equal(identityOf({ id: 7, token: 'x' }), identityOf({ token: 'y', id: 7 }))
  t.equal(identityOf({ sub: 'ada', iat: 1 }), identityOf({ sub: 'ada', iat: 2 }))
  t.equal(identityOf({ a: 1, b: 2 }), identityOf({ b: 2, a: 1 }))
  t.not(identityOf({ id: 7 }), identityOf({ id: '7' }))
  t.not(identityOf('x'.repeat(100_000)), identityOf(`${'x'.repeat(100_000)}y`))
  const endless: { self?: unknown } = {}
  endless.self = endless
  t.equal(identityOf(endless).length, 43)
})

t.test('a new session is complete once its client is let in', async (t) => {
  const session = new SocketSession()
  t.equal(session.isComplete, false)
  t.equal(session.begin(new Joiner('ada')), true)
  t.same([session.isComplete, session.isRecovered, session.identity], [true, false, identityOf('ada')])
  t.equal(session.rejoin(new Joiner()), undefined)
})

t.test('what comes back: data first, then the rooms; the user is of today', async (t) => {
  const before = { id: 'ada', login: 1 }
  const session = new SocketSession(recovery(before, { user: before, note: 1 }))
  const today = { id: 'ada', login: 2 }
  const socket = new Joiner(today)
  t.equal(session.begin(socket), true)
  t.same([socket.data, socket.joined], [{ user: today, note: 1 }, []])
  t.same([session.isRecovered, session.isComplete], [true, false])
  await session.rejoin(socket)
  t.same([socket.joined, session.isComplete], [['a', 'b'], true])
})

t.test('somebody else gets nothing', async (t) => {
  const session = new SocketSession(recovery('ada'))
  const eve = new Joiner('eve')
  t.equal(session.begin(eve), false)
  t.equal(session.rejoin(eve), undefined)
  t.same([eve.data, eve.joined, session.isRecovered, session.isComplete], [{}, [], false, false])
})

t.test('data that cannot be cloned is a mistake of the application', async (t) => {
  t.throws(() => packData({ data: { timer: () => {} }, user: 1 }), { code: 'ARGUMENT_INVALID', message: /^data, / })
  const user = { close: () => {} }
  t.ok(packData({ data: { user, note: 1 }, user }), 'the user is not kept')
})
