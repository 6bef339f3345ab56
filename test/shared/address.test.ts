import t from 'tap'
import { addressBlock, normalizeAddress } from '../../src/shared/address.ts'

const SPELLINGS: readonly (readonly [given: string, normal: string | null])[] = [
  ['192.0.2.1', '192.0.2.1'],
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:c000:0201', '192.0.2.1'],
  ['0000:0000:0000:0000:0000:ffff:192.0.2.1', '192.0.2.1'],
  ['0::ffff:192.0.2.1', '192.0.2.1'],
  ['::1', '::1'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['2001:DB8:0:0::1', '2001:db8::1'],
  ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::', '::'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ['', null],
  ['unknown', null],
  ['_hidden', null],
  ['localhost', null],
  ['192.0.2', null],
  ['192.0.2.256', null],
  ['192.0.2.01', null],
  ['0x7f.0.0.1', null],
  ['2130706433', null],
  ['192.0.2.1.', null],
  [' 192.0.2.1', null],
  ['192.0.2.1\n', null],
  ['192.0.2.1%1', null],
  ['192.0.2.1/8', null],
  [':::', null],
  ['1:2:3:4:5:6:7:8:9', null],
  ['::ffff:192.0.2.256', null],
  ['[::1]', null],
  ['1'.repeat(10_000), null],
]

for (const [given, normal] of SPELLINGS) {
  t.test(`row 40: ${JSON.stringify(given.slice(0, 50))} is ${normal}`, async (t) => {
    t.equal(normalizeAddress(given), normal)
  })
}

const BLOCKS: readonly (readonly [address: string, block: string])[] = [
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
  ['2001::1:0:0:0:1', '2001:0:0:1::/64'],
  ['1::4:5:6:7:8', '1:0:0:4::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['::192.0.2.1', '0:0:0:0::/64'],
  ['fe80::1', 'fe80:0:0:0::/64'],
]

for (const [address, block] of BLOCKS) {
  t.test(`row 40: ${address} counts as ${block}`, async (t) => {
    t.equal(addressBlock(normalizeAddress(address) ?? ''), block)
  })
}
