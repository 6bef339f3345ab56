import { setImmediate as turn } from 'node:timers/promises'
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import t from 'tap'
import { BatchReader } from '../../src/shared/batch.ts'
import { allocateCredit, EVENT_WINDOW } from '../../src/shared/credit.ts'
import { Link, type LinkHandler } from '../../src/shared/link.ts'
import type { Adopt, Parcel } from '../../src/shared/messages.ts'

const CREDIT_TAG = 99
const ADOPT: Adopt = {
  kind: 'adopt',
  key: 5,
  head: null,
  agreement: null,
  isWatched: false,
  greeting: null,
  handled: null,
  ticket: { via: 'relay' },
}

interface End {
  readonly link: Link
  readonly batches: BatchReader[]
  readonly adopted: Parcel[]
  closes: number
}

function end(
  port: MessagePort,
  credit: SharedArrayBuffer,
  name: 'main' | 'shard',
  onBatch = (_: BatchReader) => {},
): End {
  const batches: BatchReader[] = []
  const adopted: Parcel[] = []
  const handler: LinkHandler = {
    onBatch: (batch) => {
      batches.push(batch)
      onBatch(batch)
    },
    onParcel: (parcel) => adopted.push(parcel),
    onClose: () => self.closes++,
    writeCredit: (batch) => batch.begin(CREDIT_TAG),
  }
  const self: End = {
    link: new Link(port, { memory: credit, end: name === 'main' ? 0 : 1, window: EVENT_WINDOW }, handler),
    batches,
    adopted,
    closes: 0,
  }
  return self
}

function linked(onBatch?: (batch: BatchReader) => void) {
  const { port1, port2 } = new MessageChannel()
  const credit = allocateCredit()
  const main = end(port1, credit, 'main')
  const shard = end(port2, credit, 'shard', onBatch)
  t.teardown(() => main.link.close())
  return { main, shard, port2 }
}

/** Main's end, and the bare port of the other. */
function halfLinked(): { link: Link; other: MessagePort } {
  const { port1, port2 } = new MessageChannel()
  const { link } = end(port1, allocateCredit(), 'main')
  t.teardown(() => link.close())
  return { link, other: port2 }
}

function post(link: Link, payload = Buffer.alloc(0)): void {
  link.out.begin(1)
  link.out.bytes(payload)
  link.posted()
}

function taken(port: MessagePort): BatchReader | null {
  const received = receiveMessageOnPort(port)
  return received === undefined ? null : new BatchReader(received.message)
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

t.test('what a tick posts leaves as one batch at its end', async (t) => {
  const { link, other } = halfLinked()
  for (let i = 0; i < 10; i++) post(link)
  t.equal(taken(other), null, 'not before the tick is over')
  const batches: BatchReader[] = []
  await until(() => {
    const batch = taken(other)
    if (batch !== null) batches.push(batch)
    return batches.length > 0
  })
  t.match(batches, [{ messages: 10 }])
  await turn()
  t.equal(taken(other), null, 'nothing is left')
})

t.test('a batch of 512 messages or 64 KiB does not wait for the end of the tick', async (t) => {
  const { link, other } = halfLinked()
  for (let i = 0; i < 511; i++) post(link)
  t.equal(taken(other), null)
  post(link)
  t.equal(taken(other)?.messages, 512)
  post(link, Buffer.alloc(64 * 1024 - 1))
  t.equal(taken(other), null)
  post(link, Buffer.alloc(1))
  t.equal(taken(other)?.payloadBytes, 64 * 1024)
})

t.test('a batch waits for the next tick while every tick brings more, but for four of them at most', async (t) => {
  const { link, other } = halfLinked()
  let ticks = 0
  let batch: BatchReader | null = null
  for (; batch === null; ticks++) {
    post(link)
    await turn()
    batch = taken(other)
  }
  t.equal(ticks, 5)
  t.equal(batch.messages, 5)
})

t.test('flush posts at once, and nothing when there is nothing', async (t) => {
  const { link, other } = halfLinked()
  link.flush()
  t.equal(taken(other), null)
  post(link)
  link.flush()
  t.equal(taken(other)?.messages, 1)
  await turn()
  t.equal(taken(other), null, 'the end of the tick does not post it again')
})

t.test('hearOut: what has been posted is heard at once, and nothing after it', async (t) => {
  const { main, shard } = linked()
  post(main.link)
  main.link.flush()
  main.link.postParcel(ADOPT, [])
  shard.link.hearOut()
  t.match(shard.batches, [{ messages: 1 }])
  t.same(shard.adopted, [ADOPT])
  post(main.link)
  main.link.flush()
  await until(() => main.closes === 1)
  t.equal(shard.batches.length, 1)
})

t.test('a socket on its way passes the batches', async (t) => {
  const { main, shard } = linked()
  post(main.link)
  main.link.postParcel(ADOPT, [])
  await until(() => shard.batches.length === 1)
  t.same(shard.adopted, [ADOPT])
})

t.test('or follows them, if what it is about depends on them', async (t) => {
  const { link, other } = halfLinked()
  post(link)
  link.postParcelInOrder(ADOPT, [])
  t.match(taken(other), { messages: 1 })
  t.same(receiveMessageOnPort(other)?.message, ADOPT)
})

t.test('credit ends with 1024 messages and returns when the other end has taken them', async (t) => {
  const { main, shard } = linked()
  for (let i = 0; i < 1023; i++) post(main.link)
  t.ok(main.link.hasCredit())
  post(main.link)
  t.notOk(main.link.hasCredit(), 'messages not yet flushed count')
  t.ok(main.link.waitForCredit(), 'an answer will come')
  await until(() => main.batches.length > 0)
  t.ok(main.link.hasCredit())
  t.equal(main.batches[0]?.number(), CREDIT_TAG)
  t.notOk(main.link.waitForCredit(), 'with credit no answer comes')
  t.equal(
    shard.batches.reduce((sum, { messages }) => sum + messages, 0),
    1024,
  )
})

t.test('credit ends with 4 MiB', async (t) => {
  const { main, shard } = linked()
  post(main.link, Buffer.alloc(4 * 1024 * 1024 - 1))
  t.ok(main.link.hasCredit())
  post(main.link, Buffer.alloc(1))
  t.notOk(main.link.hasCredit())
  await until(() => shard.batches.length === 2)
  t.ok(main.link.hasCredit())
  t.equal(main.batches.length, 0, 'nobody asked, so nobody was told')
})

t.test('a message is spent once, whether or not its batch has left', async (t) => {
  const { link, other } = halfLinked()
  for (let i = 0; i < 1023; i++) {
    post(link)
    if (i % 100 === 0) link.flush()
  }
  t.ok(link.hasCredit())
  post(link)
  t.notOk(link.hasCredit())
  other.close()
})

t.test('credit is granted after the batch has been handled, not before', async (t) => {
  let hadCredit: boolean | undefined
  const { main } = linked(() => (hadCredit ??= main.link.hasCredit()))
  for (let i = 0; i < 1024; i++) main.link.out.begin(1)
  main.link.posted()
  await until(() => hadCredit !== undefined)
  t.equal(hadCredit, false)
})

t.test('close: what was posted still arrives, then the other end hears of it', async (t) => {
  const { main, shard } = linked()
  post(main.link, Buffer.from('last words'))
  main.link.close()
  await until(() => shard.closes === 1)
  t.equal(shard.batches.length, 1)
  main.link.close()
  post(main.link)
  t.doesNotThrow(() => main.link.flush(), 'after the end there is nobody to post to')
  t.doesNotThrow(() => main.link.postParcel(ADOPT, []))
})

t.test('the end of the other thread closes the link', async (t) => {
  const { main, port2 } = linked()
  port2.close()
  await until(() => main.closes === 1)
  post(main.link)
  t.doesNotThrow(() => main.link.flush())
})
