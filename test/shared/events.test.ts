import fc from 'fast-check'
import t from 'tap'
import { APART_BYTES, type BatchWriter } from '../../src/shared/batch.ts'
import { dispatchEvents, type EventHandler, events } from '../../src/shared/events.ts'
import {
  batchOf,
  type Call,
  codes,
  controls,
  keys,
  payloads,
  reasons,
  recorder,
  rooms,
  type Sample,
  testMessages,
} from '../fixtures/link-messages.ts'

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
  'compute',
  'finished',
  'credit',
]

function eventCalls(samples: readonly Sample[]): Call[] {
  const { handler, calls } = recorder<EventHandler>(EVENTS)
  dispatchEvents(batchOf(samples), handler)
  return calls
}

type Simple<Table> = {
  [Name in keyof Table]: Table[Name] extends (batch: BatchWriter, key: number) => void ? Name : never
}[keyof Table]

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
  movedOut: [
    fc.tuple(keys, fc.array(keys)).map(
      ([move, stayed]): Sample => ({
        write: (batch) => events.movedOut(batch, move, stayed),
        call: ['movedOut', move, stayed],
      }),
    ),
  ],
  arrived: [eventWithKey('arrived')],
  compute: [
    fc.tuple(keys, payloads).map(
      ([request, task]): Sample => ({
        write: (batch) => events.compute(batch, request, task),
        call: ['compute', request, task],
      }),
    ),
  ],
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

testMessages(t, 'event', EVENT_SAMPLES, eventCalls)

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
