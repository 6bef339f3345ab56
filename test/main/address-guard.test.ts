import t from 'tap'
import { AddressGuard } from '../../src/main/address-guard.ts'
import { type GuardOptions, resolveGuards } from '../../src/main/guard-options.ts'

function guard(options: GuardOptions): AddressGuard {
  return new AddressGuard(resolveGuards(options))
}

t.test('AU16 who may connect: deny wins over allow', async (t) => {
  const everyone = guard({})
  const some = guard({ allowIps: ['10.0.0.0/8', '::1'], denyIps: ['10.0.0.1'] })
  t.equal(everyone.refusalOf('192.0.2.1'), null)
  t.equal(some.refusalOf('10.0.0.2'), null)
  t.equal(some.refusalOf('::1'), null)
  t.equal(some.refusalOf('10.0.0.1'), 'ADDRESS_FORBIDDEN')
  t.equal(some.refusalOf('192.0.2.1'), 'ADDRESS_FORBIDDEN')
  t.equal(guard({ denyIps: ['10.0.0.1'] }).refusalOf('10.0.0.2'), null)
})

t.test('row 40: a forbidden address costs no token', async (t) => {
  const guarded = guard({ denyIps: ['10.0.0.1'], connectionRate: { perIp: 1 } })
  for (let i = 0; i < 3; i++) t.equal(guarded.refusalOf('10.0.0.1'), 'ADDRESS_FORBIDDEN')
  t.equal(guarded.refusalOf('10.0.0.2'), null)
  t.equal(guarded.refusalOf('10.0.0.2'), 'CONNECTION_RATE')
})

t.test('row 40: IPv6 is limited by its /64', async (t) => {
  const guarded = guard({ connectionRate: { perIp: 2 }, maxConnectionsPerIp: 2 })
  t.equal(guarded.refusalOf('2001:db8::1'), null)
  t.equal(guarded.refusalOf('2001:db8::ffff:2'), null)
  t.equal(guarded.refusalOf('2001:db8::3'), 'CONNECTION_RATE')
  t.equal(guarded.refusalOf('2001:db8:0:1::1'), null, 'the next /64')
  guarded.add(1, '2001:db8::1')
  guarded.add(2, '2001:db8::2')
  t.notOk(guarded.hasRoomFor('2001:db8::3'))
  t.ok(guarded.hasRoomFor('2001:db8:0:1::1'))
})

t.test('row 40: a connection is given back once', async (t) => {
  const guarded = guard({ maxConnectionsPerIp: 2 })
  guarded.add(1, '10.0.0.1')
  t.ok(guarded.hasRoomFor('10.0.0.1'), 'limit - 1')
  guarded.add(2, '10.0.0.1')
  t.notOk(guarded.hasRoomFor('10.0.0.1'), 'at the limit')
  t.ok(guarded.hasRoomFor('10.0.0.2'))
  guarded.remove(1)
  t.ok(guarded.hasRoomFor('10.0.0.1'))
  guarded.add(3, '10.0.0.1')
  guarded.remove(1)
  t.notOk(guarded.hasRoomFor('10.0.0.1'), 'the same key again is nothing')
  guarded.remove(2)
  guarded.remove(3)
  for (const key of [4, 5]) {
    t.ok(guarded.hasRoomFor('10.0.0.1'))
    guarded.add(key, '10.0.0.1')
  }
  t.notOk(guarded.hasRoomFor('10.0.0.1'))
})

t.test('row 40: 0 is no limit', async (t) => {
  const guarded = guard({ maxConnectionsPerIp: 0 })
  for (let key = 0; key < 1000; key++) guarded.add(key, '10.0.0.1')
  t.ok(guarded.hasRoomFor('10.0.0.1'))
})
