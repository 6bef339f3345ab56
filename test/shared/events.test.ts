import fc from 'fast-check'
import t from 'tap'
import { APART_BYTES } from '../../src/shared/batch.ts'
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
  samplesOf,
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
  'listenerFailed',
  'loaded',
  'judged',
  'kept',
  'prepared',
  'movedOut',
  'arrived',
  'faltered',
  'knocked',
  'withdrew',
  'turnedAway',
  'admitted',
  'compute',
  'finished',
  'credit',
]

function eventCalls(samples: readonly Sample[]): Call[] {
  const { handler, calls } = recorder<EventHandler>(EVENTS)
  dispatchEvents(batchOf(samples), handler)
  return calls
}

const event = samplesOf(events)

const EVENT_SAMPLES: Readonly<Record<keyof EventHandler, readonly fc.Arbitrary<Sample>[]>> = {
  ready: [event('ready')],
  reserved: [event('reserved', keys, fc.boolean())],
  joined: [event('joined', keys, rooms)],
  left: [event('left', keys, rooms)],
  identified: [event('identified', reasons, fc.option(fc.string({ minLength: 1 })))],
  sentToUser: [event('sentToUser', reasons, payloads, fc.nat(3))],
  posted: [event('posted', payloads)],
  threw: [event('threw', keys, payloads)],
  listenerFailed: [event('listenerFailed', payloads)],
  loaded: [event('loaded', keys, payloads)],
  kept: [event('kept', keys, payloads)],
  judged: [event('judged', keys, payloads)],
  prepared: [event('prepared', keys, fc.array(keys))],
  movedOut: [event('movedOut', keys, fc.array(keys))],
  arrived: [event('arrived', keys)],
  knocked: [event('knocked', keys, payloads)],
  withdrew: [event('withdrew', keys)],
  admitted: [event('admitted', keys, payloads)],
  turnedAway: [event('turnedAway', reasons, reasons)],
  compute: [event('compute', keys, payloads)],
  faltered: [event('faltered', payloads)],
  received: [
    fc.tuple(keys, payloads, fc.boolean(), fc.boolean()).map(
      ([key, payload, isBinary, isOwned]): Sample => ({
        // A copy of its own: what is owned is gone afterwards.
        write: (batch) => events.received(batch, key, Uint8Array.from(payload), isBinary, isOwned),
        call: ['received', key, payload, isBinary],
      }),
    ),
  ],
  drained: [event('drained', keys)],
  dropped: [event('dropped', keys)],
  limited: [event('limited', keys, reasons)],
  failed: [event('failed', keys, reasons, reasons)],
  closed: [event('closed', keys, codes, reasons)],
  pinged: [event('pinged', keys, controls)],
  ponged: [event('ponged', keys, controls)],
  finished: [event('finished', keys)],
  credit: [event('credit')],
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
