import t from 'tap'
import { connectionKey } from '../../src/shared/connection-key.ts'
import { ConnectionTable, ReadyState } from '../../src/shared/connection-table.ts'

const KEY = connectionKey(3, 7)

/** Fills every field of a slot. */
function occupy(table: ConnectionTable, key: number): void {
  table.claim(key)
  table.setShard(key, 5)
  table.setReadyState(key, ReadyState.OPEN)
  table.setQueuedBytes(key, 11)
  table.addTaken(key, 12)
  table.countReceived(key, 13, 1000)
  table.countSent(key, 14)
  table.setLastPong(key, 2000)
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
}

t.test('every field keeps what was written, and counts add up', async (t) => {
  const table = ConnectionTable.allocate(8)
  occupy(table, KEY)
  table.addTaken(KEY, 100)
  table.countReceived(KEY, 100, 1500)
  table.countSent(KEY, 100)
  t.same(fieldsOf(table, KEY), {
    readyState: ReadyState.OPEN,
    queuedBytes: 11,
    takenBytes: 112,
    bytesReceived: 113,
    messagesReceived: 2,
    bytesSent: 114,
    lastActivity: 1500,
    lastPong: 2000,
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
  for (const slot of [2, 3, 4]) table.claim(connectionKey(slot, 7))
  occupy(table, KEY)
  for (const slot of [2, 4]) t.same(fieldsOf(table, connectionKey(slot, 7)), FRESH)
  table.claim(connectionKey(4, 8))
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
  table.claim(later)
  t.same(fieldsOf(table, later), FRESH)
  t.equal(table.shard(later), -1)
  occupy(table, later)
  t.notOk(table.isCurrent(KEY))
  t.same(fieldsOf(table, KEY), { ...FRESH, readyState: ReadyState.CLOSED })
})

t.test('queued bytes past Int32 read as its largest', async (t) => {
  const table = ConnectionTable.allocate(8)
  table.claim(KEY)
  table.setQueuedBytes(KEY, 2 ** 40)
  t.equal(table.queuedBytes(KEY), 2 ** 31 - 1)
})

t.test('totals are exact beyond 2^32', async (t) => {
  const table = ConnectionTable.allocate(8)
  table.claim(KEY)
  table.addTaken(KEY, 2 ** 45)
  table.addTaken(KEY, 1)
  t.equal(table.takenBytes(KEY), 2 ** 45 + 1)
})
