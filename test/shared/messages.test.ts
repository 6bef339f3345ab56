import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { APART_BYTES, BatchReader, BatchWriter } from '../../src/shared/batch.ts'
import { type CommandHandler, commands, dispatchCommands } from '../../src/shared/commands.ts'
import { dispatchEvents, type EventHandler, events } from '../../src/shared/events.ts'
import { type FanOut, SendFlag } from '../../src/shared/messages.ts'
import { encodeFrame, type FrameSpec, RawOpcode } from '../fixtures/raw-frame.ts'

type Call = readonly [name: string, ...args: unknown[]]

/** A message to write, and the call that it must become at the other end. */
interface Sample {
  readonly write: (batch: BatchWriter) => void
  readonly call: Call
}

/** A handler that writes down the calls of its methods. */
function recorder<Handler>(names: readonly (keyof Handler & string)[]): { handler: Handler; calls: Call[] } {
  const calls: Call[] = []
  const entries = names.map((name) => [name, (...args: unknown[]) => void calls.push([name, ...args])])
  return { handler: Object.fromEntries(entries) as Handler, calls }
}

const COMMANDS: readonly (keyof CommandHandler & string)[] = [
  'reserve',
  'send',
  'sendFrame',
  'broadcast',
  'close',
  'terminate',
  'ping',
  'pong',
  'markAlive',
  'notifyDrain',
  'conclude',
  'pause',
  'resume',
  'join',
  'leave',
  'publish',
  'watch',
  'setState',
  'deleteState',
  'admit',
  'load',
  'judge',
  'prepare',
  'moving',
  'departed',
  'start',
  'moved',
  'cancel',
  'credit',
  'stop',
]
const EVENTS: readonly (keyof EventHandler & string)[] = [
  'limited',
  'ready',
  'reserved',
  'received',
  'drained',
  'dropped',
  'failed',
  'closed',
  'pinged',
  'ponged',
  'joined',
  'left',
  'identified',
  'sentToUser',
  'posted',
  'threw',
  'loaded',
  'judged',
  'prepared',
  'movedOut',
  'arrived',
  'faltered',
  'finished',
  'credit',
]

function batchOf(samples: readonly Sample[]): BatchReader {
  const writer = new BatchWriter()
  for (const { write } of samples) write(writer)
  return new BatchReader(writer.finish().posted)
}

function commandCalls(samples: readonly Sample[]): Call[] {
  const { handler, calls } = recorder<CommandHandler>(COMMANDS)
  dispatchCommands(batchOf(samples), handler)
  return calls
}

function eventCalls(samples: readonly Sample[]): Call[] {
  const { handler, calls } = recorder<EventHandler>(EVENTS)
  dispatchEvents(batchOf(samples), handler)
  return calls
}

const keys = fc.nat(2 ** 31 - 1)
const sizes = fc.oneof(
  { weight: 10, arbitrary: fc.nat(200) },
  fc.integer({ min: APART_BYTES - 500, max: APART_BYTES + 500 }),
)
const payloads = fc.tuple(sizes, fc.nat(255)).map(([size, fill]) => Buffer.alloc(size, fill))
const shortPayloads = fc.nat(APART_BYTES - 1).map((size) => Buffer.alloc(size, 's'))
const longPayloads = fc.nat(2000).map((more) => Buffer.alloc(APART_BYTES + more, 'l'))
/** Three bytes of UTF-8 are reckoned for every UTF-16 unit. */
const shortTexts = fc.nat(Math.floor((APART_BYTES - 1) / 3)).map((length) => '漢'.repeat(length))
const longTexts = fc
  .integer({ min: Math.ceil(APART_BYTES / 3), max: 3 * APART_BYTES })
  .map((length) => 'ß'.repeat(length))
const controls = fc.uint8Array({ maxLength: 125 }).map((bytes) => Buffer.from(bytes))
const flags = fc.constantFrom(0, SendFlag.BINARY, SendFlag.PLAIN, SendFlag.BINARY | SendFlag.PLAIN)
const codes = fc.integer({ min: 1000, max: 4999 })
const rooms = fc.oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), fc.constant('__proto__'))
const reasons = fc.string({ unit: 'grapheme', maxLength: 40 })

interface FanOutSample {
  readonly posted: FanOut
  readonly received: FanOut
}

const fanOuts: fc.Arbitrary<FanOutSample> = fc
  .tuple(payloads, fc.nat(), fc.array(keys, { maxLength: 3 }), fc.array(rooms, { maxLength: 2 }), fc.boolean(), flags)
  .map(([frame, payloadBytes, excepted, exceptedRooms, isShared, how]) => {
    const excluded = { keys: excepted, rooms: exceptedRooms }
    const received = { payloadBytes, flags: how, excluded, frame }
    return { posted: { ...received, frame: isShared ? shared(frame) : frame }, received }
  })

type Simple<Table> = {
  [Name in keyof Table]: Table[Name] extends (batch: BatchWriter, key: number) => void ? Name : never
}[keyof Table]

function withKey(name: Simple<typeof commands>): fc.Arbitrary<Sample> {
  return keys.map((key) => ({ write: (batch) => void commands[name](batch, key), call: [name, key] }))
}

function eventWithKey(name: Simple<typeof events>): fc.Arbitrary<Sample> {
  return keys.map((key) => ({ write: (batch) => void events[name](batch, key), call: [name, key] }))
}

function told(name: 'joined' | 'left'): fc.Arbitrary<Sample> {
  return fc.tuple(keys, rooms).map(([key, room]) => ({
    write: (batch) => events[name](batch, key, room),
    call: [name, key, room],
  }))
}

function bytesOf(name: 'threw' | 'loaded' | 'judged'): fc.Arbitrary<Sample> {
  return fc.tuple(keys, payloads).map(([key, bytes]) => ({
    write: (batch) => events[name](batch, key, bytes),
    call: [name, key, bytes],
  }))
}

function control(name: 'pinged' | 'ponged'): fc.Arbitrary<Sample> {
  return fc.tuple(keys, controls).map(([key, payload]) => ({
    write: (batch) => events[name](batch, key, payload),
    call: [name, key, payload],
  }))
}

function frameOf(payload: Buffer, how: number): FrameSpec {
  return { opcode: (how & SendFlag.BINARY) === 0 ? RawOpcode.Text : RawOpcode.Binary, payload, mask: false }
}

function shared(bytes: Uint8Array): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(bytes.length)
  new Uint8Array(memory).set(bytes)
  return memory
}

function membership(name: 'join' | 'leave'): fc.Arbitrary<Sample> {
  return fc.tuple(keys, rooms).map(([key, room]) => ({
    write: (batch) => commands[name](batch, key, room),
    call: [name, key, room],
  }))
}

const COMMAND_SAMPLES: Readonly<Record<keyof CommandHandler, readonly fc.Arbitrary<Sample>[]>> = {
  reserve: [
    fc.tuple(keys, fc.integer({ min: -1, max: 9 })).map(
      ([key, module]): Sample => ({
        write: (batch) => commands.reserve(batch, key, module),
        call: ['reserve', key, module],
      }),
    ),
  ],
  admit: [
    fc
      .tuple(keys, payloads)
      .map(
        ([key, user]): Sample => ({ write: (batch) => commands.admit(batch, key, user), call: ['admit', key, user] }),
      ),
  ],
  load: [
    fc.tuple(fc.nat(9), rooms).map(
      ([module, url]): Sample => ({
        write: (batch) => commands.load(batch, module, url),
        call: ['load', module, url],
      }),
    ),
  ],
  prepare: [
    fc.tuple(keys, fc.nat(9), fc.array(keys)).map(
      ([move, to, all]): Sample => ({
        write: (batch) => commands.prepare(batch, move, to, all),
        call: ['prepare', move, to, all],
      }),
    ),
  ],
  moving: [
    fc.tuple(keys, fc.nat(9), fc.nat(9), fc.array(keys)).map(([move, from, to, all]): Sample => {
      const moving = { move, from, to, keys: all }
      return { write: (batch) => commands.moving(batch, moving), call: ['moving', moving] }
    }),
  ],
  departed: [withKey('departed')],
  start: [withKey('start')],
  moved: [withKey('moved')],
  cancel: [withKey('cancel')],
  judge: [
    fc.tuple(keys, fc.nat(9), payloads).map(
      ([key, module, request]): Sample => ({
        write: (batch) => commands.judge(batch, key, module, request),
        call: ['judge', key, module, request],
      }),
    ),
  ],
  send: [
    fc.tuple(keys, shortPayloads, flags).map(
      ([key, payload, how]): Sample => ({
        write: (batch) => assert.equal(commands.send(batch, key, payload, how), payload.length),
        call: ['send', key, payload, how],
      }),
    ),
    fc.tuple(keys, shortTexts, flags).map(
      ([key, text, how]): Sample => ({
        write: (batch) => assert.equal(commands.send(batch, key, text, how), Buffer.byteLength(text)),
        call: ['send', key, Buffer.from(text), how],
      }),
    ),
  ],
  sendFrame: [
    fc.tuple(keys, longPayloads, flags).map(
      ([key, payload, how]): Sample => ({
        write: (batch) => assert.equal(commands.send(batch, key, payload, how), payload.length),
        call: ['sendFrame', key, encodeFrame(frameOf(payload, how)), payload.length, how],
      }),
    ),
    fc.tuple(keys, longTexts, flags).map(
      ([key, text, how]): Sample => ({
        write: (batch) => assert.equal(commands.send(batch, key, text, how), Buffer.byteLength(text)),
        call: ['sendFrame', key, encodeFrame(frameOf(Buffer.from(text), how)), Buffer.byteLength(text), how],
      }),
    ),
  ],
  broadcast: [
    fanOuts.map(
      ({ posted, received }): Sample => ({
        write: (batch) => commands.broadcast(batch, posted),
        call: ['broadcast', received],
      }),
    ),
  ],
  join: [membership('join')],
  leave: [membership('leave')],
  publish: [
    fc.tuple(fc.array(rooms, { minLength: 1, maxLength: 3 }), fanOuts).map(
      ([names, { posted, received }]): Sample => ({
        write: (batch) => commands.publish(batch, names, posted),
        call: ['publish', names, received],
      }),
    ),
  ],
  watch: [withKey('watch')],
  setState: [
    fc.tuple(rooms, payloads).map(
      ([name, value]): Sample => ({
        write: (batch) => commands.setState(batch, name, value),
        call: ['setState', name, value],
      }),
    ),
  ],
  deleteState: [
    rooms.map((name): Sample => ({ write: (batch) => commands.deleteState(batch, name), call: ['deleteState', name] })),
  ],
  close: [
    fc.tuple(keys, codes, reasons).map(
      ([key, code, reason]): Sample => ({
        write: (batch) => commands.close(batch, key, code, reason),
        call: ['close', key, code, reason],
      }),
    ),
  ],
  terminate: [withKey('terminate')],
  ping: [
    fc.tuple(keys, controls).map(
      ([key, payload]): Sample => ({
        write: (batch) => commands.ping(batch, key, payload),
        call: ['ping', key, payload],
      }),
    ),
  ],
  pong: [
    fc.tuple(keys, controls).map(
      ([key, payload]): Sample => ({
        write: (batch) => commands.pong(batch, key, payload),
        call: ['pong', key, payload],
      }),
    ),
  ],
  markAlive: [withKey('markAlive')],
  notifyDrain: [withKey('notifyDrain')],
  conclude: [withKey('conclude')],
  pause: [withKey('pause')],
  resume: [withKey('resume')],
  credit: [fc.constant({ write: commands.credit, call: ['credit'] })],
  stop: [fc.constant({ write: commands.stop, call: ['stop'] })],
}

const EVENT_SAMPLES: Readonly<Record<keyof EventHandler, readonly fc.Arbitrary<Sample>[]>> = {
  ready: [fc.constant({ write: events.ready, call: ['ready'] })],
  reserved: [
    fc.tuple(keys, fc.boolean()).map(
      ([key, mustJudge]): Sample => ({
        write: (batch) => events.reserved(batch, key, mustJudge),
        call: ['reserved', key, mustJudge],
      }),
    ),
  ],
  joined: [told('joined')],
  left: [told('left')],
  identified: [
    fc.tuple(reasons, fc.option(fc.string({ minLength: 1 }))).map(
      ([id, userId]): Sample => ({
        write: (batch) => events.identified(batch, id, userId),
        call: ['identified', id, userId],
      }),
    ),
  ],
  sentToUser: [
    fc.tuple(reasons, payloads, fc.nat(3)).map(
      ([userId, payload, flags]): Sample => ({
        write: (batch) => events.sentToUser(batch, userId, payload, flags),
        call: ['sentToUser', userId, payload, flags],
      }),
    ),
  ],
  posted: [
    payloads.map((value): Sample => ({ write: (batch) => events.posted(batch, value), call: ['posted', value] })),
  ],
  threw: [bytesOf('threw')],
  loaded: [bytesOf('loaded')],
  judged: [bytesOf('judged')],
  prepared: [
    fc.tuple(keys, fc.array(keys)).map(
      ([move, ready]): Sample => ({
        write: (batch) => events.prepared(batch, move, ready),
        call: ['prepared', move, ready],
      }),
    ),
  ],
  movedOut: [eventWithKey('movedOut')],
  arrived: [eventWithKey('arrived')],
  faltered: [
    payloads.map((cause): Sample => ({ write: (batch) => events.faltered(batch, cause), call: ['faltered', cause] })),
  ],
  received: [
    fc.tuple(keys, payloads, fc.boolean(), fc.boolean()).map(
      ([key, payload, isBinary, isOwned]): Sample => ({
        // A copy of its own: what is owned is gone afterwards.
        write: (batch) => events.received(batch, key, Uint8Array.from(payload), isBinary, isOwned),
        call: ['received', key, payload, isBinary],
      }),
    ),
  ],
  drained: [eventWithKey('drained')],
  dropped: [eventWithKey('dropped')],
  limited: [
    fc.tuple(keys, reasons).map(
      ([key, option]): Sample => ({
        write: (batch) => events.limited(batch, key, option),
        call: ['limited', key, option],
      }),
    ),
  ],
  failed: [
    fc.tuple(keys, reasons, reasons).map(
      ([key, code, cause]): Sample => ({
        write: (batch) => events.failed(batch, key, code, cause),
        call: ['failed', key, code, cause],
      }),
    ),
  ],
  closed: [
    fc.tuple(keys, codes, reasons).map(
      ([key, code, reason]): Sample => ({
        write: (batch) => events.closed(batch, key, code, reason),
        call: ['closed', key, code, reason],
      }),
    ),
  ],
  pinged: [control('pinged')],
  ponged: [control('ponged')],
  finished: [eventWithKey('finished')],
  credit: [fc.constant({ write: events.credit, call: ['credit'] })],
}

for (const [title, samples, dispatched] of [
  ['command', COMMAND_SAMPLES, commandCalls],
  ['event', EVENT_SAMPLES, eventCalls],
] as const) {
  for (const [name, arbitraries] of Object.entries(samples)) {
    t.test(`the ${title} ${name} arrives as it was sent`, async (t) => {
      for (const sample of fc.sample(fc.oneof(...arbitraries), { numRuns: 20, seed: 1 })) {
        assert.deepEqual(dispatched([sample]), [sample.call])
      }
      t.pass('20 of them')
    })
  }

  t.test(`property: any sequence of ${title}s in one batch arrives in order`, async (t) => {
    const any = fc.oneof(...Object.values(samples).flat())
    fc.assert(
      fc.property(fc.array(any, { maxLength: 40 }), (sequence) => {
        assert.deepEqual(
          dispatched(sequence),
          sequence.map(({ call }) => call),
        )
      }),
      { numRuns: 100 },
    )
    t.pass('100 sequences')
  })
}

t.test('a payload at the border of travelling apart', async (t) => {
  for (const size of [APART_BYTES - 1, APART_BYTES, APART_BYTES + 1]) {
    const payload = Buffer.alloc(size, 'x')
    const received: Sample = { write: (batch) => events.received(batch, 1, payload, true, false), call: ['none'] }
    const drained: Sample = { write: (batch) => events.drained(batch, 2), call: ['none'] }
    t.same(
      eventCalls([received, drained, received]).map(([name]) => name),
      ['received', 'drained', 'received'],
    )
    t.ok(payload.equals(eventCalls([drained, received])[1]?.[2] as Buffer), `${size} bytes`)
  }
})

t.test('an unknown tag is thrown, whichever direction', async (t) => {
  for (const tag of [0, 99, -1]) {
    const unknown: Sample = { write: (batch) => batch.begin(tag), call: ['none'] }
    t.throws(() => commandCalls([unknown]), { code: 'UNKNOWN_MESSAGE', message: new RegExp(`command ${tag}$`) })
    t.throws(() => eventCalls([unknown]), { code: 'UNKNOWN_MESSAGE', message: new RegExp(`event ${tag}$`) })
  }
})
