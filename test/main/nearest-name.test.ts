import t from 'tap'
import { nearestName } from '../../src/main/nearest-name.ts'

const NAMES = ['shards', 'maxPayload', 'maxFragments', 'idleTimeoutMs', 'livenessMs']

for (const [given, nearest] of [
  ['shards', 'shards'],
  ['shrads', 'shards'],
  ['SHARDS', 'shards'],
  ['shard', 'shards'],
  ['sharding', 'shards'],
  ['max_payload', 'maxPayload'],
  ['maxpayload', 'maxPayload'],
  ['maxFragment', 'maxFragments'],
  ['idletimeout', 'idleTimeoutMs'],
  ['liveness', 'livenessMs'],
] as const) {
  t.test(`${given} → ${nearest}`, async (t) => t.equal(nearestName(given, NAMES), nearest))
}

t.test('a part of a name means that name, unless it is short', async (t) => {
  t.equal(nearestName('origins', ['killMs', 'allowOrigins']), 'allowOrigins')
  t.equal(nearestName('timeout', ['rateLimit', 'handshakeTimeoutMs', 'idleTimeoutMs']), 'idleTimeoutMs')
  t.equal(nearestName('ip', ['ipv', 'allowIpsAndMore', 'it']), 'ipv')
  t.equal(nearestName('max', ['may', 'maxPayload']), 'may')
})

t.test('letter case is not counted', async (t) => {
  t.equal(nearestName('ABCDE', ['abcxy', 'abcde']), 'abcde')
})

t.test('of two at the same distance the first', async (t) => {
  t.equal(nearestName('b', ['a', 'c']), 'a')
})

t.test('an insertion, a deletion and a substitution cost one each', async (t) => {
  t.equal(nearestName('abcd', ['abXY', 'abcde']), 'abcde', 'one insertion against two substitutions')
  t.equal(nearestName('abcd', ['abXY', 'abc']), 'abc', 'one deletion against two substitutions')
  t.equal(nearestName('abcd', ['ab', 'abcX']), 'abcX', 'one substitution against two deletions')
})

t.test('an empty name, and no candidates', async (t) => {
  t.equal(nearestName('', ['abc', 'ab']), 'ab')
  t.equal(nearestName('abc', []), undefined)
})
