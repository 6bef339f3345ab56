import fc from 'fast-check'
import t from 'tap'
import type { LimitLog } from '../../src/main/limit-log.ts'
import { MainCounters } from '../../src/main/main-counters.ts'
import { Peer, type PeerRooms } from '../../src/main/peer.ts'
import { PeerRegistry } from '../../src/main/peer-registry.ts'
import { resolveOptions } from '../../src/main/resolve-options.ts'
import type { RunningShard } from '../../src/main/running-shard.ts'
import type { SecurityLog } from '../../src/main/security-log.ts'
import { type ConnectionKey, slotOf } from '../../src/shared/connection-key.ts'
import { ConnectionTable, ReadyState } from '../../src/shared/connection-table.ts'
import type { HandlerServer } from '../../src/shared/socket.ts'
import type { UpgradeRequest } from '../../src/shared/upgrade-request.ts'

const CAPACITY = 4

function registry(capacity = CAPACITY, slots = capacity) {
  const table = ConnectionTable.allocate(slots)
  const context = {
    server: {} as HandlerServer,
    hasMiddleware: () => false,
    table,
    counters: new MainCounters(),
    limitLog: {} as LimitLog,
    securityLog: {} as SecurityLog,
    options: resolveOptions().shard,
    rooms: {} as PeerRooms,
  }
  const peers = new PeerRegistry(table, capacity, slots)
  const open = (key: ConnectionKey): Peer => {
    const opened = { key, request: {} as UpgradeRequest, handler: null, agreement: null }
    const peer = new Peer(opened, {} as RunningShard, context)
    peers.open(peer)
    return peer
  }
  return { table, peers, open }
}

t.test('claims up to the capacity, each in a slot of its own', async (t) => {
  const { peers } = registry()
  const keys = [1, 2, 3, 4].map(() => peers.claim())
  t.equal(new Set(keys).size, CAPACITY)
  t.same(
    keys.map((key) => slotOf(key!)),
    [0, 1, 2, 3],
  )
  t.equal(peers.claimed, CAPACITY)
  t.equal(peers.size, 0, 'a claim is not open yet')
  t.equal(peers.claim(), null)
  t.equal(peers.claimed, CAPACITY, 'a refusal claims nothing')
})

t.test('slots are lent up to those of the table, and count when they are drawn', async (t) => {
  const { peers } = registry(2, 4)
  const lent = [peers.lend(), peers.lend(), peers.lend()] as ConnectionKey[]
  t.equal(peers.claimed, 0)
  t.not(peers.claim(), null)
  t.equal(peers.claim(), null, 'the table has no slot for what the capacity allows')
  t.equal(peers.lend(), null)
  peers.draw()
  t.equal(peers.claimed, 2)
  peers.takeBack(lent[1] as ConnectionKey)
  t.equal(peers.claim(), null, 'what was drawn counts')
  const again = peers.lend() as ConnectionKey
  t.equal(slotOf(again), slotOf(lent[1] as ConnectionKey))
  t.not(again, lent[1])
  peers.release(lent[0] as ConnectionKey)
  t.equal(peers.claimed, 1)
  t.not(peers.claim(), null)
})

t.test('a slot that is given back is used again, under another key', async (t) => {
  const { peers, table } = registry(1)
  const first = peers.claim()!
  table.setReadyState(first, ReadyState.OPEN)
  t.equal(peers.release(first), undefined, 'nobody had opened')
  const second = peers.claim()!
  t.equal(slotOf(second), slotOf(first))
  t.not(second, first)
  t.equal(table.readyState(first), ReadyState.CLOSED)
  t.equal(table.readyState(second), ReadyState.CONNECTING)
})

t.test('2048 connections in one slot, all keys different', async (t) => {
  const { peers } = registry(1)
  const keys = Array.from({ length: 2048 }, () => {
    const key = peers.claim()!
    peers.release(key)
    return key
  })
  t.equal(new Set(keys).size, 2048)
  t.equal(peers.claim(), keys[0], 'then they come again')
})

t.test('an open peer is found by key and by id, a stale one is not', async (t) => {
  const { peers, open } = registry(1)
  const key = peers.claim()!
  const peer = open(key)
  t.equal(peers.get(key), peer)
  t.equal(peers.find(peer.id), peer)
  t.same([...peers], [peer])
  t.equal(peers.size, 1)
  t.equal(peers.release(key), peer)
  t.equal(peers.size, 0)
  const later = open(peers.claim()!)
  t.equal(peers.get(key), undefined)
  t.equal(peers.find(peer.id), undefined)
  t.equal(peers.find(later.id), later)
})

t.test('no id but the right one finds a peer', async (t) => {
  const { peers, open } = registry()
  const { id } = open(peers.claim()!)
  for (const other of [
    '',
    '0',
    id.slice(0, -1),
    `${id}x`,
    id.toUpperCase(),
    'zzzzzzzzzzzz',
    '-1',
    'null',
    '💥',
    '__proto__',
  ]) {
    if (other !== id) t.equal(peers.find(other), undefined, JSON.stringify(other))
  }
})

t.test('ids do not repeat and cannot be guessed from each other', async (t) => {
  const { peers, open } = registry(1)
  const ids = Array.from({ length: 1000 }, () => {
    const { id, key } = open(peers.claim()!)
    peers.release(key)
    return id.split('-')[1]!
  })
  t.equal(new Set(ids).size, 1000)
  t.ok(ids.every((random) => random.length >= 8 && random.length <= 14))
})

t.test('property: claims, opens and releases in any order keep the books right', async (t) => {
  const steps = fc.array(fc.tuple(fc.constantFrom('claim', 'open', 'release'), fc.nat(20)), { maxLength: 80 })
  fc.assert(
    fc.property(steps, (sequence) => {
      const { peers, open } = registry()
      const claimed = new Map<ConnectionKey, Peer | null>()
      for (const [step, pick] of sequence) {
        const key = [...claimed.keys()][pick % Math.max(1, claimed.size)]
        if (step === 'claim') {
          const fresh = peers.claim()
          if ((fresh === null) !== (claimed.size === CAPACITY)) return false
          if (fresh !== null) claimed.set(fresh, null)
        } else if (key !== undefined && step === 'open' && claimed.get(key) === null) claimed.set(key, open(key))
        else if (key !== undefined && step === 'release') {
          if (peers.release(key) !== (claimed.get(key) ?? undefined)) return false
          claimed.delete(key)
        }
        const opened = [...claimed.values()].filter((peer) => peer !== null)
        if (peers.claimed !== claimed.size || peers.size !== opened.length) return false
        if (opened.some((peer) => peers.find(peer.id) !== peer) || [...peers].length !== opened.length) return false
      }
      return true
    }),
  )
  t.pass()
})
