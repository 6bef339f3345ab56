import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { BatchReader, BatchWriter } from '../../src/shared/batch.ts'
import {
  type CommandHandler,
  commands,
  dispatchCommands,
  dispatchEvents,
  type EventHandler,
  events,
} from '../../src/shared/messages.ts'

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

const COMMANDS: readonly (keyof CommandHandler)[] = [
  'reserve', 'send', 'broadcast', 'close', 'terminate', 'ping', 'pong', 'markAlive', 'notifyDrain', 'credit', 'stop',
]
const EVENTS: readonly (keyof EventHandler)[] = [
  'ready', 'reserved', 'opened', 'received', 'drained', 'dropped', 'failed', 'closed', 'credit',
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
const sizes = fc.oneof({ weight: 10, arbitrary: fc.nat(200) }, fc.integer({ min: 32_000, max: 40_000 }))
const payloads = fc.tuple(sizes, fc.nat(255)).map(([size, fill]) => Buffer.alloc(size, fill))
const controls = fc.uint8Array({ maxLength: 125 }).map((bytes) => Buffer.from(bytes))
const codes = fc.integer({ min: 1000, max: 4999 })
const reasons = fc.string({ unit: 'grapheme', maxLength: 40 })
const texts = fc.oneof(reasons, fc.nat(20_000).map((length) => 'ß'.repeat(length)))

type Simple<Table> = { [Name in keyof Table]: Table[Name] extends (batch: BatchWriter, key: number) => void ? Name : never }[keyof Table]

function withKey(name: Simple<typeof commands>): fc.Arbitrary<Sample> {
  return keys.map((key) => ({ write: (batch) => void commands[name](batch, key), call: [name, key] }))
}

function eventWithKey(name: Simple<typeof events>): fc.Arbitrary<Sample> {
  return keys.map((key) => ({ write: (batch) => void events[name](batch, key), call: [name, key] }))
}

function shared(bytes: Uint8Array): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(bytes.length)
  new Uint8Array(memory).set(bytes)
  return memory
}

const COMMAND_SAMPLES: Readonly<Record<keyof CommandHandler, readonly fc.Arbitrary<Sample>[]>> = {
  reserve: [withKey('reserve')],
  send: [
    fc.tuple(keys, payloads, fc.boolean()).map(([key, payload, isBinary]): Sample => ({
      write: (batch) => assert.equal(commands.send(batch, key, payload, isBinary), payload.length),
      call: ['send', key, payload, isBinary],
    })),
    fc.tuple(keys, texts, fc.boolean()).map(([key, text, isBinary]): Sample => ({
      write: (batch) => assert.equal(commands.send(batch, key, text, isBinary), Buffer.byteLength(text)),
      call: ['send', key, Buffer.from(text), isBinary],
    })),
  ],
  broadcast: [
    fc.tuple(payloads, fc.nat(), fc.oneof(keys, fc.constant(-1)), fc.boolean()).map(
      ([frame, payloadBytes, except, isShared]): Sample => ({
        write: (batch) => commands.broadcast(batch, isShared ? shared(frame) : frame, payloadBytes, except),
        call: ['broadcast', frame, payloadBytes, except],
      }),
    ),
  ],
  close: [
    fc.tuple(keys, codes, reasons).map(([key, code, reason]): Sample => ({
      write: (batch) => commands.close(batch, key, code, reason),
      call: ['close', key, code, reason],
    })),
  ],
  terminate: [withKey('terminate')],
  ping: [
    fc.tuple(keys, controls).map(([key, payload]): Sample => ({
      write: (batch) => commands.ping(batch, key, payload),
      call: ['ping', key, payload],
    })),
  ],
  pong: [
    fc.tuple(keys, controls).map(([key, payload]): Sample => ({
      write: (batch) => commands.pong(batch, key, payload),
      call: ['pong', key, payload],
    })),
  ],
  markAlive: [withKey('markAlive')],
  notifyDrain: [withKey('notifyDrain')],
  credit: [fc.constant({ write: commands.credit, call: ['credit'] })],
  stop: [fc.constant({ write: commands.stop, call: ['stop'] })],
}

const EVENT_SAMPLES: Readonly<Record<keyof EventHandler, readonly fc.Arbitrary<Sample>[]>> = {
  ready: [fc.constant({ write: events.ready, call: ['ready'] })],
  reserved: [eventWithKey('reserved')],
  opened: [eventWithKey('opened')],
  received: [
    fc.tuple(keys, payloads, fc.boolean()).map(([key, payload, isBinary]): Sample => ({
      write: (batch) => events.received(batch, key, payload, isBinary),
      call: ['received', key, payload, isBinary],
    })),
  ],
  drained: [eventWithKey('drained')],
  dropped: [eventWithKey('dropped')],
  failed: [
    fc.tuple(keys, reasons, reasons).map(([key, code, cause]): Sample => ({
      write: (batch) => events.failed(batch, key, code, cause),
      call: ['failed', key, code, cause],
    })),
  ],
  closed: [
    fc.tuple(keys, codes, reasons).map(([key, code, reason]): Sample => ({
      write: (batch) => events.closed(batch, key, code, reason),
      call: ['closed', key, code, reason],
    })),
  ],
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
        assert.deepEqual(dispatched(sequence), sequence.map(({ call }) => call))
      }),
      { numRuns: 100 },
    )
    t.pass('100 sequences')
  })
}

t.test('a payload at the border of travelling apart', async (t) => {
  for (const size of [32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1]) {
    const payload = Buffer.alloc(size, 'x')
    const received: Sample = { write: (batch) => events.received(batch, 1, payload, true), call: [] }
    const drained: Sample = { write: (batch) => events.drained(batch, 2), call: [] }
    t.same(eventCalls([received, drained, received]).map(([name]) => name), ['received', 'drained', 'received'])
    t.ok(payload.equals(eventCalls([drained, received])[1]?.[2] as Buffer), `${size} bytes`)
  }
})

t.test('an unknown tag is thrown, whichever direction', async (t) => {
  for (const tag of [0, 99, -1]) {
    const unknown: Sample = { write: (batch) => batch.begin(tag), call: [] }
    t.throws(() => commandCalls([unknown]), { code: 'UNKNOWN_MESSAGE', message: new RegExp(`command ${tag}$`) })
    t.throws(() => eventCalls([unknown]), { code: 'UNKNOWN_MESSAGE', message: new RegExp(`event ${tag}$`) })
  }
})
