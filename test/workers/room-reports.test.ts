import t from 'tap'
import { RoomInterest } from '../../src/shared/room-interest.ts'
import { RoomReports } from '../../workers/room-reports.ts'

function setUp() {
  const told: string[] = []
  const link = {
    credit: true,
    asked: 0,
    hasCredit: () => link.credit,
    waitForCredit: () => {
      link.asked++
      return !link.credit
    },
    joined: (key: number, room: string) => void told.push(`+${key} ${room}`),
    left: (key: number, room: string) => void told.push(`-${key} ${room}`),
  }
  const interest = RoomInterest.allocate(1, 100)
  return { reports: new RoomReports(link, interest, 0), interest, link, told }
}

t.test('main hears of joins and leaves in order', async (t) => {
  const { reports, told } = setUp()
  reports.report(1, 'a', true, 1)
  reports.report(2, 'a', true, 0)
  reports.report(1, 'a', false, 0)
  t.same(told, ['+1 a', '+2 a', '-1 a'])
})

t.test('without credit the latest state of each membership waits, and credit is asked for once', async (t) => {
  const { reports, link, told } = setUp()
  link.credit = false
  reports.report(1, 'a', true, 1)
  reports.report(1, 'b', true, 1)
  reports.report(1, 'a', false, -1)
  reports.report(2, 'b', true, 0)
  t.same([told, link.asked], [[], 1])
  link.credit = true
  reports.report(2, 'b', false, 0)
  t.same(told, [], 'what is later does not overtake')
  reports.flush()
  t.same(told, ['-1 a', '+1 b', '-2 b'])
  reports.report(3, 'c', true, 1)
  t.equal(told.at(-1), '+3 c', 'and then nothing waits')
})

t.test('credit that came back while it was asked for', async (t) => {
  const { reports, link, told } = setUp()
  const asked = link.waitForCredit
  link.credit = false
  link.waitForCredit = () => {
    link.credit = true
    return asked()
  }
  reports.report(1, 'a', true, 1)
  t.same(told, [])
  await new Promise((resolve) => setImmediate(resolve))
  t.same(told, ['+1 a'])
})

t.test('of a connection that has closed main hears otherwise', async (t) => {
  const { reports, link, told } = setUp()
  link.credit = false
  reports.report(1, 'a', true, 1)
  reports.report(2, 'b', true, 1)
  reports.forget(1)
  t.equal(reports.newRooms, 1)
  reports.flush()
  t.same(told, ['+2 b'])
})

t.test('rooms that main does not count yet: of what was posted and of what waits', async (t) => {
  const { reports, interest, link } = setUp()
  reports.report(1, 'a', true, 1)
  reports.report(1, 'b', true, 1)
  reports.report(1, 'b', false, -1)
  t.equal(reports.newRooms, 1)
  interest.applied(0)
  t.equal(reports.newRooms, 0, 'main counts a')
  interest.applied(0)
  t.equal(reports.newRooms, -1, 'and b, which is gone already')
  interest.applied(0)
  t.equal(reports.newRooms, 0)
  link.credit = false
  reports.report(1, 'c', true, 1)
  reports.report(1, 'c', false, -1)
  reports.report(1, 'd', true, 1)
  t.equal(reports.newRooms, 1)
  reports.flush()
  for (const rest of [1, 0]) {
    interest.applied(0)
    t.equal(reports.newRooms, rest)
  }
})

t.test(
  'of a connection from another shard main hears what that one had to tell first, then the latest state',
  async (t) => {
    const { reports, told } = setUp()
    reports.hold(1)
    reports.report(1, 'a', false, -1)
    reports.report(1, 'b', true, 1)
    reports.report(1, 'b', false, -1)
    reports.report(2, 'c', true, 1)
    t.same(told, ['+2 c'], 'nobody else waits')
    reports.flush()
    t.same(told, ['+2 c'])
    reports.release(1)
    t.same(told, ['+2 c', '-1 a', '-1 b'])
    reports.report(1, 'a', true, 1)
    t.equal(told.at(-1), '+1 a')
    t.equal(reports.newRooms, 1, 'a has gone and come again, c has come')
  },
)

t.test('one that closes before main may hear of it is forgotten', async (t) => {
  const { reports, told } = setUp()
  reports.hold(1)
  reports.report(1, 'a', true, 1)
  reports.forget(1)
  reports.release(1)
  t.same([told, reports.newRooms], [[], 0])
})
