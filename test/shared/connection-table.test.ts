import t from 'tap'
import { formatConnectionId } from '../../src/shared/connection-id.ts'
import { connectionKey } from '../../src/shared/connection-key.ts'
import { ConnectionTable, ReadyState } from '../../src/shared/connection-table.ts'

const KEY = connectionKey(3, 7)
const NONCE = { high: 1, low: -2 }

/** Fills every field of a slot. */
function occupy(table: ConnectionTable, key: number): void {
  table.claim(key, NONCE)
  table.setShard(key, 5)
  table.setReadyState(key, ReadyState.OPEN)
  table.setQueuedBytes(key, 11)
  table.addTaken(key, 12)
  table.countReceived(key, 13, 1000)
  table.countSent(key, 14)
  table.setLastPong(key, 2000)
  table.countCompressed(key, 100, 60)
  table.beginSession(key)
}

function fieldsOf(table: ConnectionTable, key: number) {
  return {
    readyState: table.readyState(key),
    queuedBytes: table.queuedBytes(key),
    takenBytes: table.takenBytes(key),
    bytesReceived: table.bytesReceived(key),
    messagesReceived: table.messagesReceived(key),
    bytesSent: table.bytesSent(key),
    lastActivity: table.lastActivity(key),
    lastPong: table.lastPong(key),
    compressionRatio: table.compressionRatio(key),
    hasSession: table.hasSession(key),
  }
}

const FRESH = {
  readyState: ReadyState.CONNECTING,
  queuedBytes: 0,
  takenBytes: 0,
  bytesReceived: 0,
  messagesReceived: 0,
  bytesSent: 0,
  lastActivity: 0,
  lastPong: 0,
  compressionRatio: 0,
  hasSession: false,
}

t.test('every field keeps what was written, and counts add up', async (t) => {
  const table = ConnectionTable.allocate(8)
  occupy(table, KEY)
  table.addTaken(KEY, 100)
  table.countReceived(KEY, 100, 1500)
  table.countSent(KEY, 100)
  table.countCompressed(KEY, 100, 90)
  t.same(fieldsOf(table, KEY), {
    readyState: ReadyState.OPEN,
    queuedBytes: 11,
    takenBytes: 112,
    bytesReceived: 113,
    messagesReceived: 2,
    bytesSent: 114,
    lastActivity: 1500,
    lastPong: 2000,
    compressionRatio: 0.25,
    hasSession: true,
  })
  t.equal(table.shard(KEY), 5)
  table.setLastActivity(KEY, 3000)
  t.equal(table.lastActivity(KEY), 3000)
})

t.test('another view of the same memory reads the same', async (t) => {
  const table = ConnectionTable.allocate(8)
  occupy(table, KEY)
  const elsewhere = new ConnectionTable(table.memory)
  t.same(fieldsOf(elsewhere, KEY), fieldsOf(table, KEY))
  t.ok(elsewhere.isCurrent(KEY))
})

t.test('neighbouring slots do not touch each other', async (t) => {
  const table = ConnectionTable.allocate(8)
  for (const slot of [2, 3, 4]) table.claim(connectionKey(slot, 7), NONCE)
  occupy(table, KEY)
  for (const slot of [2, 4]) t.same(fieldsOf(table, connectionKey(slot, 7)), FRESH)
  table.claim(connectionKey(4, 8), NONCE)
  t.equal(table.readyState(KEY), ReadyState.OPEN)
})

t.test('the last slot is inside the memory', async (t) => {
  const table = ConnectionTable.allocate(4)
  const last = connectionKey(3, 0)
  occupy(table, last)
  t.equal(table.lastPong(last), 2000)
  t.equal(table.memory.byteLength, 4 * 128)
})

t.test('a slot that is used again starts afresh, and the stale key reads closed and 0', async (t) => {
  const table = ConnectionTable.allocate(8)
  occupy(table, KEY)
  const later = connectionKey(3, 8)
  table.claim(later, NONCE)
  t.same(fieldsOf(table, later), FRESH)
  t.equal(table.shard(later), -1)
  occupy(table, later)
  t.notOk(table.isCurrent(KEY))
  t.same(fieldsOf(table, KEY), { ...FRESH, readyState: ReadyState.CLOSED })
})

t.test('queued bytes past Int32 read as its largest', async (t) => {
  const table = ConnectionTable.allocate(8)
  table.claim(KEY, NONCE)
  table.setQueuedBytes(KEY, 2 ** 40)
  t.equal(table.queuedBytes(KEY), 2 ** 31 - 1)
})

t.test('totals are exact beyond 2^32', async (t) => {
  const table = ConnectionTable.allocate(8)
  table.claim(KEY, NONCE)
  table.addTaken(KEY, 2 ** 45)
  table.addTaken(KEY, 1)
  t.equal(table.takenBytes(KEY), 2 ** 45 + 1)
})

t.test('a connection is found by its id, and by no other', async (t) => {
  const table = ConnectionTable.allocate(8)
  table.claim(KEY, NONCE)
  const id = table.idOf(KEY)
  t.equal(table.find(id), KEY)
  t.equal(new ConnectionTable(table.memory).find(id), KEY)
  const outside = formatConnectionId(connectionKey(8, 7), NONCE)
  for (const other of [outside, '', 'x', `${id}0`, id.slice(0, -1), id.replace('-', '-0'), '-', 'zzzzzzzzzz-1']) {
    t.equal(table.find(other), undefined, other)
  }
  table.claim(connectionKey(3, 8), NONCE)
  t.equal(table.find(id), undefined, 'the slot has another connection')
})

t.test('that its connection is held leaves every other field as it was', async (t) => {
  const table = ConnectionTable.allocate(8)
  occupy(table, KEY)
  table.setConnectedAt(KEY, 1234.5)
  const before = fieldsOf(table, KEY)
  t.equal(table.isHeld(KEY), false)
  table.setHeld(KEY, true)
  t.equal(table.isHeld(KEY), true)
  t.same(fieldsOf(table, KEY), before)
  t.equal(table.connectedAt(KEY), 1234.5)
  table.setHeld(KEY, false)
  t.equal(table.connectedAt(KEY), 1234.5)
})
