import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { RelayGiver, RelayTaker } from '../../../src/shared/handoff/relay.ts'
import { RELAY_WINDOW } from '../../../src/shared/handoff/relay-messages.ts'

const CHUNK_BYTES = 64 * 1024

interface Relayed {
  readonly stream: Duplex
  readonly adopted: Duplex
  /** What has given it. */
  readonly former: RelayGiver
  /** Completes the oldest write that `stream` has not taken yet. */
  readonly takeWrite: () => void
  readonly writes: Buffer[]
}

/** A relayed stream whose writes stall until they are taken; both ends on this thread. */
function relayed(t: Test): Relayed {
  const writes: Buffer[] = []
  const stalled: (() => void)[] = []
  const stream = new Duplex({
    read() {},
    write(bytes: Buffer, _encoding, done) {
      writes.push(bytes)
      stalled.push(done)
    },
  })
  const giver = new RelayGiver()
  t.teardown(() => giver.close())
  let adopted: Duplex | null = null
  giver.give(stream, (ticket) =>
    new RelayTaker().take(ticket, { buffer: Buffer.alloc(1), onRead() {} }, (socket) => {
      adopted = socket
    }),
  )
  if (adopted === null) throw new Error('a relayed stream is adopted at once')
  return { stream, adopted, former: giver, writes, takeWrite: () => stalled.shift()?.() }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

t.test("'finish' waits until the stream has taken everything", async (t) => {
  const { adopted, writes, takeWrite } = relayed(t)
  let isFinished = false
  adopted.end('bye', () => {
    isFinished = true
  })
  await turns(20)
  t.same(writes, [Buffer.from('bye')])
  t.equal(isFinished, false)
  const finished = once(adopted, 'finish')
  takeWrite()
  await finished
})

t.test('no more than the window waits for a stream that takes nothing', async (t) => {
  const { stream, adopted } = relayed(t)
  adopted.write(Buffer.alloc(4 * RELAY_WINDOW))
  await turns(20)
  t.equal(stream.writableLength, RELAY_WINDOW)
})

t.test('no more than the window, and the chunk that filled it, waits for a paused reader', async (t) => {
  const { stream, adopted } = relayed(t)
  adopted.pause()
  for (let i = 0; i < 16; i++) {
    stream.push(Buffer.alloc(CHUNK_BYTES))
    await turn()
  }
  t.equal(stream.isPaused(), true)
  t.equal(adopted.readableLength, RELAY_WINDOW)
  adopted.resume()
  await once(stream, 'resume')
})

t.test('bytes that wait for a paused reader outlive the stream', async (t) => {
  const { stream, adopted } = relayed(t)
  adopted.pause()
  stream.push('unread')
  await turns(5)
  stream.destroy()
  await turns(5)
  const read = once(adopted, 'data')
  const closed = once(adopted, 'close')
  adopted.resume()
  t.same(await read, [Buffer.from('unread')])
  await closed
})

t.test('a failure is carried', async (t) => {
  const { stream, adopted } = relayed(t)
  const failed = once(adopted, 'error')
  stream.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
  t.match(await failed, [{ message: 'reset', code: 'ECONNRESET' }])
})

t.test('a write under way is answered when the stream goes', async (t) => {
  const { stream, adopted } = relayed(t)
  adopted.on('error', () => {})
  const answered = new Promise((resolve) => adopted.write(Buffer.alloc(2 * RELAY_WINDOW), resolve))
  stream.destroy()
  t.match(await answered, { code: 'TRANSPORT_FAILED' })
})

t.test('what was received and not read goes along to the next shard, and the end of it', async (t) => {
  const { stream, adopted } = relayed(t)
  adopted.pause()
  for (const part of ['one ', 'two ', 'three']) stream.push(part)
  stream.push(null)
  await turns(20)
  const read: string[] = []
  let next: Duplex | null = null
  const readInto = { buffer: Buffer.alloc(1), onRead: (bytes: Buffer) => void read.push(String(bytes)) }
  new RelayGiver().give(adopted, (ticket) => new RelayTaker().take(ticket, readInto, (socket) => (next = socket)))
  await once(next as unknown as Duplex, 'end')
  t.equal(read.join(''), 'one two three')
})

t.test('a stream that was passed on outlives the giver of the shard that it has left', async (t) => {
  const { stream, adopted, former, writes } = relayed(t)
  let next: Duplex | null = null
  const readInto = { buffer: Buffer.alloc(1), onRead() {} }
  new RelayGiver().give(adopted, (ticket) => new RelayTaker().take(ticket, readInto, (socket) => (next = socket)))
  t.equal(adopted.destroyed, true)
  await turns(20)
  former.close()
  t.equal(stream.destroyed, false)
  const socket = next as unknown as Duplex
  socket.write('from the next shard')
  await turns(20)
  t.same(writes, [Buffer.from('from the next shard')])
  const closed = once(stream, 'close')
  socket.destroy()
  await closed
})
