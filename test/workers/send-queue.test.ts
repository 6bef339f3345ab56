import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { connect as connectSecurely, createServer as createSecureServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import { Counter, Counters } from '../../src/shared/counters.ts'
import { Outbox } from '../../workers/outbox.ts'
import { SendQueue } from '../../workers/send-queue.ts'
import { CERTIFICATE } from '../fixtures/certificate.ts'
import { encodeFrame } from '../fixtures/raw-frame.ts'
import { RecordingDuplex } from '../fixtures/recording-duplex.ts'

const BINARY = 0x82
const EARLY_BYTES = 256 * 1024

function queued({ isAttached = true } = {}) {
  const row = Counters.allocate(1).row(0)
  const outbox = new Outbox(row)
  const socket = new RecordingDuplex()
  const told: string[] = []
  const queue = new SendQueue(outbox, { onBlocked: () => told.push('blocked'), onDrained: () => told.push('drained') })
  if (isAttached) queue.attach(socket)
  // An empty queue that gets its socket may say so.
  told.length = 0
  /** Appends one shared frame of exactly this size. */
  const append = (bytes: number): void => queue.appendShared(Buffer.alloc(bytes, 'x'))
  return { append, outbox, queue, row, socket, told }
}

t.test('what a tick appends leaves in one write at its end', async (t) => {
  const { append, queue, socket, told } = queued()
  append(10)
  queue.append(BINARY, Buffer.from('abc'), 5)
  append(10)
  t.equal(queue.bufferedBytes, 25)
  t.equal(socket.writes.length, 0)
  await turn()
  t.equal(socket.writes.length, 1)
  t.equal(socket.bytes.length, 25)
  t.equal(queue.bufferedBytes, 0)
  t.same(told, [])
})

t.test('from 256 KiB on it does not wait for the end of the tick', async (t) => {
  const { append, socket } = queued()
  append(EARLY_BYTES - 1)
  t.equal(socket.writes.length, 0)
  append(1)
  t.equal(socket.writes.length, 1)
  append(7)
  t.equal(socket.writes.length, 1, 'and then it starts over')
  await turn()
  t.equal(socket.bytes.length, EARLY_BYTES + 7)
})

t.test('a long frame', async (t) => {
  const payload = Buffer.from(Array.from({ length: 1024 * 1024 }, (_, at) => at % 251))
  const frame = encodeFrame({ opcode: 2, payload, mask: false })
  const appendTo = ({ queue }: ReturnType<typeof queued>): void => {
    const mine = Buffer.from(payload)
    queue.append(BINARY, mine, frame.length)
    mine.fill(0)
  }

  t.test('goes to the kernel at once, through one buffer, behind what was queued before', async (t) => {
    const all = queued()
    all.queue.append(BINARY, Buffer.from('abc'), 5)
    appendTo(all)
    t.equal(all.queue.bufferedBytes, 0)
    t.equal(all.row.get(Counter.WIRE_BYTES_OUT), 5 + frame.length)
    appendTo(all)
    const [first, ...slices] = all.socket.writes.map(([bytes]) => bytes?.buffer)
    t.equal(new Set(slices).size, 1)
    t.not(slices[0], first)
    t.ok(all.socket.bytes.equals(Buffer.concat([Buffer.from('8203616263', 'hex'), frame, frame])))
    await turn()
    t.same(all.told, [])
  })

  for (const takes of [0, 1, 2, 3, 4]) {
    t.test(`of which the kernel takes ${takes} slices before it is full`, async (t) => {
      const row = Counters.allocate(1).row(0)
      const outbox = new Outbox(row)
      const socket = new RecordingDuplex()
      const other = new RecordingDuplex()
      const pong = Buffer.from('8a00', 'hex')
      const queue: SendQueue = new SendQueue(outbox, {
        onBlocked: () => queue.appendShared(pong),
        onDrained: () => {},
      })
      queue.attach(socket)
      const neighbour = new SendQueue(outbox, { onBlocked: () => {}, onDrained: () => {} })
      neighbour.attach(other)
      socket.block(takes)
      queue.append(BINARY, payload, frame.length)
      const left = socket.bytes.length < frame.length ? frame.length - socket.bytes.length : 0
      t.equal(queue.bufferedBytes, left + pong.length)
      t.equal(outbox.heldBytes, left + pong.length)
      neighbour.append(BINARY, Buffer.alloc(payload.length), frame.length)
      socket.unblock()
      await turn()
      t.ok(socket.bytes.equals(Buffer.concat([frame, pong])), 'whole, and what the full kernel called for is behind it')
      t.equal(other.bytes.length, frame.length)
      t.equal(queue.bufferedBytes, 0)
      t.equal(outbox.heldBytes, 0)
      t.equal(row.get(Counter.QUEUED_BYTES), 0)
      t.equal(row.get(Counter.WIRE_BYTES_OUT), 2 * frame.length + pong.length)
    })
  }

  t.test('waits with everything else while the queue is held or has no socket', async (t) => {
    const held = queued()
    held.queue.hold(() => {})
    const absent = queued({ isAttached: false })
    for (const each of [held, absent]) {
      appendTo(each)
      t.equal(each.socket.writes.length, 0)
      t.equal(each.queue.bufferedBytes, frame.length)
      t.ok(Buffer.from(each.queue.unsent()).equals(frame))
    }
  })
})

t.test('while the kernel takes nothing the socket gets nothing more', async (t) => {
  const { append, outbox, queue, row, socket, told } = queued()
  socket.block()
  append(100)
  t.notOk(queue.isBlocked, 'nobody knows yet')
  await turn()
  t.ok(queue.isBlocked)
  t.same(told, ['blocked'])
  append(50)
  append(EARLY_BYTES)
  await turn()
  t.equal(socket.writes.length, 1)
  t.equal(queue.bufferedBytes, 150 + EARLY_BYTES)
  t.equal(outbox.heldBytes, 150 + EARLY_BYTES)
  t.equal(row.get(Counter.QUEUED_BYTES), 150 + EARLY_BYTES)

  socket.unblock()
  await turn()
  t.equal(socket.bytes.length, 150 + EARLY_BYTES)
  t.notOk(queue.isBlocked)
  t.same(told, ['blocked', 'drained'])
  t.equal(outbox.heldBytes, 0)
  t.equal(queue.bufferedBytes, 0)
})

t.test('a queue that blocks again at once has not drained', async (t) => {
  const { append, outbox, queue, socket, told } = queued()
  socket.block()
  append(100)
  await turn()
  append(30)
  socket.takeOne()
  await turn()
  t.ok(queue.isBlocked)
  t.equal(outbox.heldBytes, 30)
  t.same(told, ['blocked', 'blocked'])
  socket.unblock()
  await turn()
  t.same(told, ['blocked', 'blocked', 'drained'])
  t.equal(outbox.heldBytes, 0)
})

t.test('what is appended before the socket arrives waits for it', async (t) => {
  const { append, outbox, queue, row, socket, told } = queued({ isAttached: false })
  append(10)
  queue.append(BINARY, Buffer.from('abc'), 5)
  append(EARLY_BYTES)
  await turn()
  t.ok(queue.isBlocked)
  t.equal(outbox.heldBytes, EARLY_BYTES + 15)
  t.equal(row.get(Counter.WIRE_BYTES_OUT), 0)
  queue.attach(socket)
  t.notOk(queue.isBlocked)
  t.equal(outbox.heldBytes, 0)
  t.equal(socket.bytes.length, EARLY_BYTES + 15)
  t.equal(row.get(Counter.WIRE_BYTES_OUT), EARLY_BYTES + 15)
  t.same(told, ['drained'], 'what waited is gone')
})

t.test('a queue that ends before its socket arrives still writes and ends', async (t) => {
  const { append, queue, socket } = queued({ isAttached: false })
  append(10)
  queue.end()
  queue.attach(socket)
  await turn()
  t.equal(socket.bytes.length, 10)
  t.ok(socket.hasEnded)
})

t.test('a queue whose socket never arrives holds nothing after its release', async (t) => {
  const { append, outbox, queue } = queued({ isAttached: false })
  append(10)
  queue.release()
  t.equal(outbox.heldBytes, 0)
  t.equal(queue.bufferedBytes, 0)
})

t.test('end', async (t) => {
  t.test('with nothing queued: at once', async (t) => {
    const { queue, socket } = queued()
    queue.end()
    await turn()
    t.ok(socket.hasEnded)
    t.same(socket.writes, [])
  })

  t.test('what this tick has queued goes first', async (t) => {
    const { append, queue, socket } = queued()
    append(10)
    queue.end()
    queue.end()
    await turn()
    t.equal(socket.bytes.length, 10)
    t.equal(socket.writes.length, 1)
    t.ok(socket.hasEnded)
  })

  t.test('after a blocked write, once that and what waits behind it are taken', async (t) => {
    const { append, outbox, queue, socket } = queued()
    socket.block()
    append(100)
    await turn()
    append(20)
    queue.end()
    await turn()
    t.notOk(socket.writableEnded)
    socket.takeOne()
    await turn()
    t.notOk(socket.writableEnded, 'the second write is blocked too')
    socket.unblock()
    await turn()
    t.ok(socket.hasEnded)
    t.equal(socket.bytes.length, 120)
    t.equal(outbox.heldBytes, 0)
  })
})

t.test('discard', async (t) => {
  t.test('forgets what the socket does not have yet', async (t) => {
    const { append, outbox, queue, socket } = queued()
    append(10)
    queue.discard()
    t.equal(queue.bufferedBytes, 0)
    t.equal(outbox.heldBytes, 0)
    await turn()
    t.same(socket.writes, [])
  })

  t.test('writes what the socket has, and counts it no longer', async (t) => {
    const { append, outbox, queue, socket, told } = queued()
    socket.block()
    append(100)
    await turn()
    append(20)
    queue.discard()
    t.equal(queue.bufferedBytes, 100)
    t.equal(outbox.heldBytes, 0, 'which nobody else has to pay for')
    append(5)
    t.equal(outbox.heldBytes, 0)
    socket.unblock()
    await turn()
    t.equal(socket.bytes.length, 105)
    t.equal(outbox.heldBytes, 0)
    t.same(told, ['blocked', 'drained'])
  })
})

t.test('release gives back everything, whatever the queue was doing', async (t) => {
  for (const [name, prepare] of [
    ['nothing', () => {}],
    ['waiting for the end of the tick', ({ append }) => append(10)],
    [
      'blocked',
      async ({ append, socket }) => {
        socket.block()
        append(100)
        await turn()
      },
    ],
    [
      'blocked with more behind',
      async ({ append, socket }) => {
        socket.block()
        append(100)
        await turn()
        append(20)
      },
    ],
    [
      'blocked by an early write, and scheduled',
      ({ append, socket }) => {
        socket.block()
        append(1)
        append(EARLY_BYTES)
        append(3)
      },
    ],
  ] as [string, (queue: ReturnType<typeof queued>) => void | Promise<void>][]) {
    t.test(name, async (t) => {
      const all = queued()
      const { outbox, queue, row, socket } = all
      await prepare(all)
      socket.destroy()
      await once(socket, 'close')
      queue.release()
      queue.release()
      for (let i = 0; i < 3; i++) await turn()
      t.equal(outbox.heldBytes, 0)
      t.equal(row.get(Counter.QUEUED_BYTES), 0)
      t.equal(queue.bufferedBytes, 0)
    })
  }
})

t.test('a socket that is destroyed while blocked has not drained', async (t) => {
  const { append, outbox, queue, socket, told } = queued()
  socket.block()
  append(100)
  await turn()
  append(20)
  socket.destroy()
  await once(socket, 'close')
  queue.release()
  t.same(told, ['blocked'])
  t.equal(outbox.heldBytes, 0)
})

t.test('nothing is counted as written to a socket that is gone', async (t) => {
  const { append, row, socket } = queued()
  append(10)
  socket.destroy()
  await turn()
  t.equal(row.get(Counter.WIRE_BYTES_OUT), 0)
})

t.test('a real socket whose peer reads late gets everything in order', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').pause()
  const [socket] = (await once(server, 'connection')) as [Socket]
  t.teardown(() => {
    client.destroy()
    server.close()
  })
  const outbox = new Outbox(Counters.allocate(1).row(0))
  let onDrained = (): void => {}
  const drained = new Promise<void>((resolve) => (onDrained = resolve))
  const queue = new SendQueue(outbox, { onBlocked: () => {}, onDrained })
  queue.attach(socket)

  const sent: Buffer[] = []
  while (!queue.isBlocked) {
    const frame = Buffer.alloc(100_000, sent.length)
    sent.push(frame)
    queue.appendShared(frame)
    await turn()
  }
  for (let i = 0; i < 50; i++) {
    sent.push(Buffer.concat([Buffer.from([BINARY, 1]), Buffer.from([i])]))
    queue.append(BINARY, Buffer.from([i]), 3)
    if (i % 10 === 0) await turn()
  }
  queue.end()
  const received: Buffer[] = []
  client.on('data', (part) => received.push(part)).resume()
  await Promise.all([drained, once(client, 'end')])
  t.ok(Buffer.concat(received).equals(Buffer.concat(sent)))
  t.equal(outbox.heldBytes, 0)
})

t.test('TLS, which reports every write late, keeps no block in use and gets one write a tick', async (t) => {
  const server = createSecureServer(CERTIFICATE).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connectSecurely({ port, host: '127.0.0.1', rejectUnauthorized: false })
  const [socket] = (await once(server, 'secureConnection')) as [TLSSocket]
  t.teardown(() => {
    client.destroy()
    socket.destroy()
    server.close()
  })
  const received: Buffer[] = []
  client.on('data', (bytes: Buffer) => received.push(bytes))

  const outbox = new Outbox(Counters.allocate(1).row(0))
  let onDrained = (): void => {}
  const queue = new SendQueue(outbox, { onBlocked: () => {}, onDrained: () => onDrained() })
  queue.attach(socket)
  const neighbour = new RecordingDuplex()
  const other = new SendQueue(outbox, { onBlocked: () => {}, onDrained: () => {} })
  other.attach(neighbour)
  let writes = 0
  const write = socket.write.bind(socket) as typeof socket.write
  socket.write = ((...args: Parameters<typeof write>) => {
    writes++
    return write(...args)
  }) as typeof write

  const ticks = 20
  for (let i = 0; i < ticks; i++) {
    const drained = new Promise<void>((resolve) => {
      onDrained = resolve
    })
    queue.append(BINARY, Buffer.from('abc'), 5)
    other.append(BINARY, Buffer.from('xyz'), 5)
    await drained
  }
  t.equal(writes, ticks)
  t.equal(new Set(neighbour.writes.flat().map(({ buffer }) => buffer)).size, 1)
  queue.append(BINARY, Buffer.alloc(1024 * 1024, 'l'), 10 + 1024 * 1024)
  const closed = once(client, 'end')
  queue.end()
  await closed
  const all = Buffer.concat(received)
  t.equal(all.subarray(0, 5 * ticks).toString('hex'), '8203616263'.repeat(ticks))
  t.equal(all.length, 5 * ticks + 10 + 1024 * 1024)
  t.ok(all.subarray(5 * ticks + 10).every((byte) => byte === 'l'.charCodeAt(0)))
  t.equal(outbox.heldBytes, 0)
})
