import t from 'tap'
import { compileCidrs, isCidr } from '../../src/main/cidr.ts'

type Row = readonly [range: string, inside: readonly string[], outside: readonly string[]]

const ROWS: readonly Row[] = [
  ['192.0.2.1', ['192.0.2.1'], ['192.0.2.0', '192.0.2.2', '::1']],
  ['192.0.2.0/24', ['192.0.2.0', '192.0.2.255'], ['192.0.1.255', '192.0.3.0']],
  ['192.0.2.77/24', ['192.0.2.0', '192.0.2.255'], ['192.0.3.77']],
  ['192.0.2.128/25', ['192.0.2.128', '192.0.2.255'], ['192.0.2.127']],
  ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255'], ['9.255.255.255', '11.0.0.0']],
  ['192.0.2.1/32', ['192.0.2.1'], ['192.0.2.0', '192.0.2.2']],
  ['192.0.2.0/31', ['192.0.2.0', '192.0.2.1'], ['192.0.2.2', '192.0.1.255']],
  ['0.0.0.0/0', ['0.0.0.0', '255.255.255.255'], ['::1', '2001:db8::1']],
  ['128.0.0.0/1', ['128.0.0.0', '255.255.255.255'], ['127.255.255.255']],
  ['2001:db8::/32', ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'], ['2001:db7:ffff::', '2001:db9::']],
  ['2001:db8::1', ['2001:db8::1'], ['2001:db8::', '2001:db8::2']],
  ['2001:db8::1/127', ['2001:db8::', '2001:db8::1'], ['2001:db8::2']],
  ['2001:DB8::/63', ['2001:db8::1', '2001:db8:0:1::1'], ['2001:db8:0:2::1']],
  // To the kernel every IPv4 address is in ::/0 too.
  ['::/0', ['::', '2001:db8::1'], ['192.0.2.1', '0.0.0.0']],
  ['::1', ['::1'], ['0.0.0.1', '127.0.0.1']],
  ['::ffff:192.0.2.1', ['192.0.2.1'], ['192.0.2.2']],
  ['::ffff:10.0.0.0/104', ['10.0.0.0', '10.255.255.255'], ['11.0.0.0', '9.255.255.255']],
  ['::ffff:0:0/96', ['0.0.0.0', '255.255.255.255'], ['::1']],
]

for (const [range, inside, outside] of ROWS) {
  t.test(`row 40, AU16: ${range}`, async (t) => {
    t.ok(isCidr(range))
    const isIn = compileCidrs([range])
    for (const address of inside) t.ok(isIn(address), `${address} is in it`)
    for (const address of outside) t.notOk(isIn(address), `${address} is not`)
  })
}

t.test('AU16 several ranges of both families', async (t) => {
  const isIn = compileCidrs(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32'])
  for (const address of ['10.1.2.3', '192.0.2.1', '2001:db8::5']) t.ok(isIn(address), address)
  for (const address of ['192.0.2.2', '::1']) t.notOk(isIn(address), address)
  t.notOk(compileCidrs([])('192.0.2.1'), 'nothing is in no range')
})

const NO_RANGES: readonly unknown[] = [
  '',
  '/',
  '/8',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/08',
  '10.0.0.0/8.0',
  '10.0.0.0/255.0.0.0',
  '10.0.0.0/8/8',
  '10.0.0.0 /8',
  '10.0.0/8',
  '10.0.0.*',
  '::/129',
  '::ffff:10.0.0.0/95',
  'fe80::1%eth0',
  'example.com',
  'loopback',
  1,
  null,
  undefined,
  ['10.0.0.0/8'],
  {},
]

for (const value of NO_RANGES) {
  t.test(`${JSON.stringify(value)} is no range`, async (t) => {
    t.notOk(isCidr(value))
  })
}
