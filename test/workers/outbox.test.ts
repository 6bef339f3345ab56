import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { Counter, Counters } from '../../src/shared/counters.ts'
import { SpareMemory } from '../../src/shared/protocol/spare-memory.ts'
import { Outbox, type Piece } from '../../workers/outbox.ts'
import { SendQueue } from '../../workers/send-queue.ts'
import { encodeFrame } from '../fixtures/raw-frame.ts'
import { RecordingDuplex } from '../fixtures/recording-duplex.ts'

const BINARY = 0x82

function outbox(): Outbox {
  return new Outbox(Counters.allocate(1).row(0))
}

function frame(text: string): Buffer {
  return encodeFrame({ opcode: 2, payload: text, mask: false })
}

function bytesOf(tail: Piece): string {
  return Buffer.concat(tail.parts()).toString('hex')
}

function chain(box: Outbox, frames: readonly Buffer[]): Piece {
  return frames.reduce<Piece | null>((tail, each) => box.appendShared(tail, each), null) as Piece
}

t.test('queues with the same history share one joined buffer', async (t) => {
  const box = outbox()
  const frames = [frame('one'), frame('two'), frame('three')]
  const tails = [1, 2, 3].map(() => chain(box, frames))
  t.equal(new Set(tails).size, 1, 'they end in the same piece')
  const [joined, ...rest] = tails[0]!.parts()
  t.same(rest, [])
  t.equal(tails[1]!.parts()[0], joined, 'the very same buffer')
  t.equal(joined!.toString('hex'), Buffer.concat(frames).toString('hex'))
})

t.test('queues built in lockstep share too', async (t) => {
  const box = outbox()
  const frames = [frame('one'), frame('two'), frame('three')]
  const tails: (Piece | null)[] = [null, null]
  for (const each of frames) for (const index of [0, 1]) tails[index] = box.appendShared(tails[index]!, each)
  t.equal(tails[0], tails[1])
})

t.test('a history that differs is a buffer of its own', async (t) => {
  const box = outbox()
  const [one, two, three] = [frame('one'), frame('two'), frame('three')]
  const all = chain(box, [one, two, three])
  for (const [name, others] of [
    ['one frame is missing', [one, three]],
    ['another order', [two, one, three]],
    ['one frame twice', [one, one, two, three]],
    ['a beginning', [one, two]],
  ] as const) {
    const tail = chain(box, others)
    t.not(tail, all, name)
    t.equal(bytesOf(tail), Buffer.concat(others).toString('hex'), name)
  }
  t.equal(bytesOf(all), Buffer.concat([one, two, three]).toString('hex'), 'and the first is what it was')
})

t.test('a single shared frame is not copied at all', async (t) => {
  const shared = frame('alone')
  t.equal(chain(outbox(), [shared]).parts()[0], shared)
})

t.test('frames of one queue in a row are one piece, without joining', async (t) => {
  const box = outbox()
  const first = box.append(null, BINARY, Buffer.from('one'), false)
  const second = box.append(first, BINARY, Buffer.from('two'), false)
  t.equal(second, first)
  t.equal(bytesOf(second), Buffer.concat([frame('one'), frame('two')]).toString('hex'))
})

t.test('frames of two queues in turn do not mix', async (t) => {
  const box = outbox()
  let [left, right]: (Piece | null)[] = [null, null]
  for (const text of ['1', '2', '3']) {
    left = box.append(left!, BINARY, Buffer.from(`l${text}`), false)
    right = box.append(right!, BINARY, Buffer.from(`r${text}`), false)
  }
  t.equal(bytesOf(left!), Buffer.concat(['l1', 'l2', 'l3'].map(frame)).toString('hex'))
  t.equal(bytesOf(right!), Buffer.concat(['r1', 'r2', 'r3'].map(frame)).toString('hex'))
})

t.test('after a frame of its own a queue no longer shares what follows', async (t) => {
  const box = outbox()
  const [one, two] = [frame('one'), frame('two')]
  const shared = chain(box, [one, two])
  const own = box.appendShared(box.append(box.appendShared(null, one), BINARY, Buffer.from('mine'), false), two)
  t.not(own, shared)
  t.equal(bytesOf(own), Buffer.concat([one, frame('mine'), two]).toString('hex'))
})

t.test('large pieces are written apart, not copied together', async (t) => {
  const box = outbox()
  const [small, large] = [frame('small'), frame('x'.repeat(64 * 1024))]
  const parts = chain(box, [small, large, small]).parts()
  t.same(
    parts.map((part) => part === small || part === large),
    [true, true, true],
  )
})

t.test('a frame does not straddle two blocks', async (t) => {
  const box = outbox()
  const payload = Buffer.alloc(10_000, 'x')
  let tail: Piece | null = null
  for (let i = 0; i < 20; i++) tail = box.append(tail, BINARY, payload, false)
  t.equal(bytesOf(tail!), Buffer.concat(Array(20).fill(frame('x'.repeat(10_000)))).toString('hex'))
})

/** What a shard may do to the queues of its connections, in any order. */
type Step =
  | { readonly do: 'append'; readonly queue: number; readonly size: number }
  | { readonly do: 'give'; readonly queue: number; readonly size: number }
  | { readonly do: 'share'; readonly audience: number; readonly size: number }
  | { readonly do: 'block' | 'unblock' | 'takeOne' | 'attach'; readonly queue: number }
  | { readonly do: 'turn' }

const QUEUES = 4
const queues = fc.nat(QUEUES - 1)
const sizes = fc.oneof(
  { weight: 8, arbitrary: fc.nat(300) },
  { weight: 4, arbitrary: fc.integer({ min: 15_000, max: 40_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 900_000 }) },
)
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('append' as const), queue: queues, size: sizes }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('give' as const), queue: queues, size: sizes }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('share' as const), audience: fc.integer({ min: 1, max: 15 }), size: sizes }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('block' as const), queue: queues }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unblock' as const), queue: queues }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('takeOne' as const), queue: queues }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('attach' as const), queue: queues }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
)

/** One queue and the simplest model of it: what it must have written in the end. */
class Modelled {
  readonly socket = new RecordingDuplex()
  readonly queue: SendQueue
  readonly expected: Buffer[] = []
  isAttached = false
  /** Whether the socket has been blocked, or waited for, since the tick began. */
  wasHeld = true
  bytesOfTick = 0
  writesBefore = 0

  constructor(box: Outbox) {
    this.queue = new SendQueue(box, { onBlocked: () => {}, onDrained: () => {} })
  }

  add(bytes: Buffer): void {
    this.expected.push(bytes)
    this.bytesOfTick += bytes.length
  }

  attach(): void {
    if (this.isAttached) return
    this.isAttached = true
    this.queue.attach(this.socket)
  }

  /** One write per queue and tick while the kernel takes it. */
  endTick(): void {
    const writes = this.socket.writes.length - this.writesBefore
    if (!this.wasHeld && this.bytesOfTick < 256 * 1024) assert.equal(writes, this.bytesOfTick > 0 ? 1 : 0)
    this.writesBefore = this.socket.writes.length
    this.bytesOfTick = 0
    this.wasHeld = !this.isAttached || this.queue.isBlocked
  }
}

/** Whoever gives memory away too early gets its bytes spoiled. */
class SpoiledMemory extends SpareMemory {
  given = 0

  override give(memory: ArrayBufferLike): void {
    this.given++
    new Uint8Array(memory).fill(0xee)
    super.give(memory)
  }
}

class Machine {
  readonly row = Counters.allocate(1).row(0)
  readonly memory = new SpoiledMemory()
  readonly box = new Outbox(this.row, this.memory)
  readonly all = Array.from({ length: QUEUES }, () => new Modelled(this.box))
  #fill = 0

  async run(step: Step): Promise<void> {
    if (step.do === 'turn') return this.turn()
    if (step.do === 'share') return this.#share(step.audience, step.size)
    const target = this.all[step.queue]!
    if (step.do === 'append') {
      const payload = Buffer.alloc(step.size, ++this.#fill)
      target.queue.append(BINARY, payload, frame(payload.toString('latin1')).length)
      target.add(encodeFrame({ opcode: 2, payload, mask: false }))
      payload.fill(0)
    } else if (step.do === 'give') {
      const own = encodeFrame({ opcode: 2, payload: Buffer.alloc(step.size, ++this.#fill), mask: false })
      target.add(own)
      target.queue.appendOwn(Buffer.from(new Uint8Array(own).buffer))
    } else if (step.do === 'attach') target.attach()
    else {
      target.wasHeld = true
      target.socket[step.do]()
    }
  }

  async turn(): Promise<void> {
    await turn()
    for (const each of this.all) each.endTick()
  }

  /** Everybody's socket takes everything. */
  async settle(): Promise<void> {
    for (const each of this.all) {
      each.wasHeld = true
      each.attach()
      each.socket.unblock()
    }
    for (let i = 0; i < 3; i++) await turn()
  }

  #share(audience: number, size: number): void {
    const shared = encodeFrame({ opcode: 2, payload: Buffer.alloc(size, ++this.#fill), mask: false })
    this.all.forEach((each, index) => {
      if ((audience & (1 << index)) === 0) return
      each.queue.appendShared(shared)
      each.add(shared)
    })
  }
}

t.test('property: every queue writes its frames, in order, once a tick, whoever is blocked', async (t) => {
  let blocked = 0
  let reused = 0
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 60 }), async (sequence) => {
      const machine = new Machine()
      for (const step of sequence) await machine.run(step)
      if (machine.box.heldBytes > 0) blocked++
      await machine.settle()
      if (machine.memory.given > 0) reused++
      for (const { socket, expected, queue } of machine.all) {
        assert.ok(socket.bytes.equals(Buffer.concat(expected)))
        assert.equal(queue.bufferedBytes, 0)
      }
      assert.equal(machine.box.heldBytes, 0)
      assert.equal(machine.row.get(Counter.QUEUED_BYTES), 0)
      const total = machine.all.flatMap(({ expected }) => expected).reduce((sum, { length }) => sum + length, 0)
      assert.equal(machine.row.get(Counter.WIRE_BYTES_OUT), total)
    }),
    { numRuns: 200 },
  )
  t.ok(blocked > 20, `${blocked} of 200 runs ended with bytes held`)
  t.ok(reused > 20, `${reused} of 200 runs gave memory back`)
})

t.test('a block is not written over while a blocked write refers to it', async (t) => {
  const machine = new Machine()
  const [slow, fast] = machine.all
  slow!.attach()
  fast!.attach()
  slow!.socket.block()
  await machine.run({ do: 'append', queue: 0, size: 100 })
  await machine.turn()
  for (let i = 0; i < 5; i++) {
    await machine.run({ do: 'append', queue: 1, size: 100 })
    await machine.turn()
  }
  await machine.settle()
  t.ok(slow!.socket.bytes.equals(Buffer.concat(slow!.expected)))
})

t.test('a block is not written over while a piece waits behind a blocked write, or for its socket', async (t) => {
  const machine = new Machine()
  const [slow, fast, absent] = machine.all
  slow!.attach()
  fast!.attach()
  slow!.socket.block()
  await machine.run({ do: 'share', audience: 1, size: 5 })
  await machine.turn()
  await machine.run({ do: 'append', queue: 0, size: 100 })
  await machine.run({ do: 'append', queue: 2, size: 100 })
  await machine.turn()
  for (let i = 0; i < 5; i++) {
    await machine.run({ do: 'append', queue: 1, size: 100 })
    await machine.turn()
  }
  await machine.settle()
  for (const each of [slow!, absent!]) t.ok(each.socket.bytes.equals(Buffer.concat(each.expected)))
})

t.test('when nothing is held the next tick uses the same block again', async (t) => {
  const machine = new Machine()
  machine.all[0]!.attach()
  for (let i = 0; i < 3; i++) {
    await machine.run({ do: 'append', queue: 0, size: 10 })
    await machine.turn()
  }
  const offsets = machine.all[0]!.socket.writes.map(([part]) => part!.byteOffset)
  const memories = machine.all[0]!.socket.writes.map(([part]) => part!.buffer)
  t.same(offsets, [0, 0, 0])
  t.equal(new Set(memories).size, 1)
})

async function appendTwoBlocks(machine: Machine): Promise<void> {
  for (let queue = 0; queue < QUEUES; queue++) await machine.run({ do: 'append', queue, size: 30_000 })
  await machine.turn()
}

function memoriesOf(machine: Machine): ArrayBufferLike[] {
  return [...new Set(machine.all.flatMap(({ socket }) => socket.writes.flat().map(({ buffer }) => buffer)))]
}

t.test('blocks that a tick has filled serve the ticks that follow', async (t) => {
  const machine = new Machine()
  for (const each of machine.all) each.attach()
  for (let i = 0; i < 5; i++) await appendTwoBlocks(machine)
  t.equal(memoriesOf(machine).length, 2)
})

t.test('none of the blocks of a tick is written over while a blocked write refers to one', async (t) => {
  const machine = new Machine()
  for (const each of machine.all) each.attach()
  machine.all[0]!.socket.block()
  for (let i = 0; i < 3; i++) await appendTwoBlocks(machine)
  await machine.settle()
  for (const { socket, expected } of machine.all) t.ok(socket.bytes.equals(Buffer.concat(expected)))
})

t.test('what waits behind a blocked write keeps no block from being used again', async (t) => {
  const machine = new Machine()
  const [slow, fast] = machine.all
  slow!.attach()
  fast!.attach()
  slow!.socket.block()
  for (let i = 0; i < 10; i++) {
    await machine.run({ do: 'append', queue: 0, size: 100 })
    await machine.run({ do: 'append', queue: 1, size: 100 })
    await machine.turn()
  }
  const memories = fast!.socket.writes.flat().map(({ buffer }) => buffer)
  t.equal(memories.length, 10)
  t.equal(new Set(memories).size, 2, 'the block of the write that is blocked, and the next one')
  await machine.settle()
  t.ok(slow!.socket.bytes.equals(Buffer.concat(slow!.expected)))
})

t.test('the memory of a long frame comes back when the kernel has taken the frame, and not before', async (t) => {
  const machine = new Machine()
  const { all, memory } = machine
  const [queue] = all
  queue!.attach()
  await machine.run({ do: 'give', queue: 0, size: 20_000 })
  await machine.run({ do: 'append', queue: 0, size: 40_000 })
  t.equal(memory.given, 0)
  await machine.turn()
  t.equal(memory.given, 2, 'taken at once')
  queue!.socket.block()
  await machine.run({ do: 'give', queue: 0, size: 20_000 })
  await machine.turn()
  t.equal(memory.given, 2, 'the kernel is full')
  await machine.settle()
  t.equal(memory.given, 3)
  t.ok(queue!.socket.bytes.equals(Buffer.concat(queue!.expected)))
})

t.test('what other queues have too is for nobody to give back', async (t) => {
  const machine = new Machine()
  for (const each of machine.all) each.attach()
  await machine.run({ do: 'give', queue: 0, size: 20_000 })
  await machine.run({ do: 'share', audience: 15, size: 50_000 })
  await machine.turn()
  t.equal(machine.memory.given, 1)
  for (const { socket, expected } of machine.all) t.ok(socket.bytes.equals(Buffer.concat(expected)))
})
