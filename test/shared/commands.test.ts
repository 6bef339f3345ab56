import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { APART_BYTES } from '../../src/shared/batch.ts'
import { type CommandHandler, commands, dispatchCommands } from '../../src/shared/commands.ts'
import { type FanOut, SendFlag } from '../../src/shared/messages.ts'
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
import { encodeFrame, type FrameSpec, RawOpcode } from '../fixtures/raw-frame.ts'

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
  'restore',
  'answer',
  'dismiss',
  'lend',
  'judge',
  'prepare',
  'moving',
  'departed',
  'start',
  'moved',
  'cancel',
  'computed',
  'allowContexts',
  'discard',
  'credit',
  'stop',
]
function commandCalls(samples: readonly Sample[]): Call[] {
  const { handler, calls } = recorder<CommandHandler>(COMMANDS)
  dispatchCommands(batchOf(samples), handler)
  return calls
}

const shortPayloads = fc.nat(APART_BYTES - 1).map((size) => Buffer.alloc(size, 's'))
const longPayloads = fc.nat(2000).map((more) => Buffer.alloc(APART_BYTES + more, 'l'))
/** Three bytes of UTF-8 are reckoned for every UTF-16 unit. */
const shortTexts = fc.nat(Math.floor((APART_BYTES - 1) / 3)).map((length) => '漢'.repeat(length))
const longTexts = fc
  .integer({ min: Math.ceil(APART_BYTES / 3), max: 3 * APART_BYTES })
  .map((length) => 'ß'.repeat(length))
const flags = fc.constantFrom(0, SendFlag.BINARY, SendFlag.PLAIN, SendFlag.BINARY | SendFlag.PLAIN)
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

function frameOf(payload: Buffer, how: number): FrameSpec {
  return { opcode: (how & SendFlag.BINARY) === 0 ? RawOpcode.Text : RawOpcode.Binary, payload, mask: false }
}

function shared(bytes: Uint8Array): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(bytes.length)
  new Uint8Array(memory).set(bytes)
  return memory
}

const command = samplesOf(commands)

const COMMAND_SAMPLES: Readonly<Record<keyof CommandHandler, readonly fc.Arbitrary<Sample>[]>> = {
  reserve: [command('reserve', keys, fc.integer({ min: -1, max: 9 }))],
  admit: [command('admit', keys, payloads)],
  restore: [command('restore', keys, payloads)],
  load: [command('load', fc.nat(9), rooms)],
  prepare: [command('prepare', keys, fc.nat(9), fc.boolean(), fc.array(keys))],
  moving: [
    fc.tuple(keys, fc.nat(9), fc.nat(9), fc.array(keys)).map(([move, from, to, all]): Sample => {
      const moving = { move, from, to, keys: all }
      return { write: (batch) => commands.moving(batch, moving), call: ['moving', moving] }
    }),
  ],
  departed: [command('departed', keys)],
  start: [command('start', keys)],
  moved: [command('moved', keys)],
  cancel: [command('cancel', keys)],
  computed: [
    fc.tuple(keys, fc.boolean(), fc.constantFrom('', 'COMPUTE_TIMEOUT'), payloads).map(
      ([request, hasFailed, code, result]): Sample => ({
        write: (batch) => commands.computed(batch, request, { hasFailed, code, result }),
        call: ['computed', request, hasFailed, code, result],
      }),
    ),
  ],
  answer: [command('answer', keys, payloads)],
  dismiss: [command('dismiss', keys)],
  lend: [command('lend', fc.array(keys))],
  judge: [command('judge', keys, fc.nat(9), payloads)],
  allowContexts: [command('allowContexts', fc.boolean())],
  discard: [command('discard', fc.nat())],
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
  join: [command('join', keys, rooms)],
  leave: [command('leave', keys, rooms)],
  publish: [
    fc.tuple(fc.array(rooms, { minLength: 1, maxLength: 3 }), fanOuts).map(
      ([names, { posted, received }]): Sample => ({
        write: (batch) => commands.publish(batch, names, posted),
        call: ['publish', names, received],
      }),
    ),
  ],
  watch: [command('watch', keys)],
  setState: [command('setState', rooms, payloads)],
  deleteState: [command('deleteState', rooms)],
  close: [command('close', keys, codes, reasons)],
  terminate: [command('terminate', keys)],
  ping: [command('ping', keys, controls)],
  pong: [command('pong', keys, controls)],
  markAlive: [command('markAlive', keys)],
  notifyDrain: [command('notifyDrain', keys)],
  conclude: [command('conclude', keys)],
  pause: [command('pause', keys)],
  resume: [command('resume', keys)],
  credit: [command('credit')],
  stop: [command('stop')],
}

testMessages(t, 'command', COMMAND_SAMPLES, commandCalls)
