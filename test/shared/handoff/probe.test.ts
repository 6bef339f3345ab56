import t from 'tap'
import { DescriptorTaker } from '../../../src/shared/handoff/descriptor.ts'
import { createTaker } from '../../../src/shared/handoff/handoff.ts'
import { bestStrategy, supports } from '../../../src/shared/handoff/probe.ts'
import { openDescriptors } from '../../fixtures/handoff-host.ts'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const transfers = (major === 24 && minor >= 20) || (major === 26 && minor >= 6) || major > 26

// The probe does not look at versions; the test may, and fails loudly where Node's private shapes change.
t.test('finds what this Node can do', async (t) => {
  t.equal(await supports('transfer'), transfers)
  // The handles of Node 26 make their own write requests.
  t.equal(await supports('descriptor'), major < 26 && process.platform !== 'win32')
  t.equal(await bestStrategy(), transfers ? 'transfer' : 'descriptor', { skip: process.platform === 'win32' })
  t.equal(await supports('relay'), true)
  t.equal(await supports('local'), true)
})

t.test('asks once', async (t) => {
  await supports('descriptor')
  const before = openDescriptors()
  t.equal(supports('descriptor'), supports('descriptor'), 'the same promise')
  t.equal(openDescriptors(), before)
})

t.test('a shard that cannot reach the pipe is never ready', async (t) => {
  await t.rejects(createTaker({ strategy: 'descriptor', path: '/nowhere/handoff' }).ready)
  const taker = new DescriptorTaker('/nowhere/handoff')
  taker.ready.catch(() => {})
  taker.close()
  taker.take({ via: 'descriptor' }, { buffer: Buffer.alloc(1), onRead() {} }, (socket) => t.equal(socket, null))
})
