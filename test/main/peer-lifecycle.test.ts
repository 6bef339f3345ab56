import t from 'tap'
import { MainCounters } from '../../src/main/main-counters.ts'
import type { Peer } from '../../src/main/peer.ts'
import { PeerLifecycle } from '../../src/main/peer-lifecycle.ts'
import { PeerRegistry } from '../../src/main/peer-registry.ts'
import type { RunningShard } from '../../src/main/running-shard.ts'
import type { Applicant } from '../../src/main/security-log.ts'
import type { ConnectionKey } from '../../src/shared/connection-key.ts'
import { ConnectionTable, ReadyState } from '../../src/shared/connection-table.ts'
import type { Agreement } from '../../src/shared/protocol/permessage-deflate.ts'
import type { HandlerServer } from '../../src/shared/socket.ts'
import type { UpgradeRequest } from '../../src/shared/upgrade-request.ts'

const DEDICATED: Agreement = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
}

/** What is told to whom is noted in order. */
function setUp() {
  const told: string[] = []
  /** How many of those whose rooms are released are open then, and could join again. */
  const openAtRelease: number[] = []
  const table = ConnectionTable.allocate(4)
  const peers = new PeerRegistry(table, 4)
  const counters = new MainCounters()
  const host = {
    ...{ peers, counters, options: {}, limitLog: {}, securityLog: {} },
    upgrades: { guard: { remove: (key: ConnectionKey) => told.push(`address of ${key}`) } },
    rooms: {
      release: (those: readonly Peer[]) => {
        openAtRelease.push(those.filter(({ key }) => table.readyState(key) === ReadyState.OPEN).length)
        told.push(`rooms of ${those.length}`)
      },
    },
    users: { release: () => told.push('user') },
    observer: {
      hasMiddleware: false,
      onConnection: ({ key }: { key: ConnectionKey }) => told.push(`open ${key}`),
      onClose: ({ key }: { key: ConnectionKey }, code: number, reason: string) =>
        told.push(`close ${key} ${code} ${reason}`),
    },
    onAllClosed: () => told.push('all closed'),
  } as unknown as ConstructorParameters<typeof PeerLifecycle>[0]
  const lifecycle = new PeerLifecycle(host, table, {} as HandlerServer)
  const open = (shard: RunningShard, agreement: Agreement | null = null): ConnectionKey => {
    const key = peers.claim() as ConnectionKey
    shard.assigned++
    lifecycle.onGiving(key, shard)
    const opened = { key, request: {} as UpgradeRequest, handler: null, agreement, applicant: {} as Applicant }
    lifecycle.onOpened(opened, shard)
    return key
  }
  return { told, openAtRelease, table, peers, counters, lifecycle, open }
}

function fakeShard(index: number): RunningShard {
  return { index, assigned: 0 } as RunningShard
}

t.test('a connection is open for whoever reads shared memory before the application hears of it', async (t) => {
  const { told, table, counters, open } = setUp()
  const key = open(fakeShard(3))
  t.same([table.readyState(key), table.shard(key)], [ReadyState.OPEN, 3])
  t.ok(table.connectedAt(key) > 0)
  t.equal(table.lastActivity(key), table.connectedAt(key))
  t.same([told, counters.opened], [[`open ${key}`], 1])
})

t.test('its end is told once, when its place, rooms and user are free, and takes its shard a connection', async (t) => {
  const { told, lifecycle, peers, open } = setUp()
  const shard = fakeShard(0)
  const key = open(shard)
  told.length = 0
  lifecycle.onClosed(key, 1000, 'bye')
  lifecycle.onClosed(key, 1006, 'the shard that it left')
  t.same(told, [`address of ${key}`, 'rooms of 1', 'user', `close ${key} 1000 bye`, 'all closed'])
  t.same([shard.assigned, peers.claimed], [0, 0])
})

t.test('only those who keep compression contexts are counted as such', async (t) => {
  const { lifecycle, open } = setUp()
  const shard = fakeShard(0)
  const keeps = open(shard, DEDICATED)
  const other = open(shard, { ...DEDICATED, serverNoContextTakeover: true })
  t.equal(lifecycle.contexts, 1)
  lifecycle.onClosed(other, 1000, '')
  t.equal(lifecycle.contexts, 1)
  lifecycle.onClosed(keeps, 1000, '')
  t.equal(lifecycle.contexts, 0)
})

t.test('with a shard go its connections and no others; nobody can join a room among them meanwhile', async (t) => {
  const { told, openAtRelease, table, lifecycle, open, peers } = setUp()
  const [gone, stays] = [fakeShard(0), fakeShard(1)]
  const [one, other, third] = [open(gone), open(stays), open(gone)]
  peers.claim()
  told.length = 0
  lifecycle.onShardGone(gone, 'died')
  t.same(told.slice(0, 2), ['rooms of 2', `address of ${one}`])
  t.equal(openAtRelease[0], 0)
  t.same(
    told.filter((each) => each.startsWith('close')),
    [`close ${one} 1006 the shard ended`, `close ${third} 1006 the shard ended`],
  )
  t.equal(table.readyState(other), ReadyState.OPEN)
  lifecycle.onShardGone(stays, 'stopped')
  t.equal(told.at(-1), `close ${other} 1006 the server shut down`)
  t.notOk(told.includes('all closed'), 'a handshake is under way')
})
