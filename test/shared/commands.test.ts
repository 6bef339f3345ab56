import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { APART_BYTES, type BatchWriter } from '../../src/shared/batch.ts'
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
  'judge',
  'prepare',
  'moving',
  'departed',
  'start',
  'moved',
  'cancel',
  'computed',
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

type Simple<Table> = {
  [Name in keyof Table]: Table[Name] extends (batch: BatchWriter, key: number) => void ? Name : never
}[keyof Table]

function withKey(name: Simple<typeof commands>): fc.Arbitrary<Sample> {
  return keys.map((key) => ({ write: (batch) => void commands[name](batch, key), call: [name, key] }))
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
  computed: [
    fc.tuple(keys, fc.boolean(), fc.constantFrom('', 'COMPUTE_TIMEOUT'), payloads).map(
      ([request, hasFailed, code, result]): Sample => ({
        write: (batch) => commands.computed(batch, request, { hasFailed, code, result }),
        call: ['computed', request, hasFailed, code, result],
      }),
    ),
  ],
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

testMessages(t, 'command', COMMAND_SAMPLES, commandCalls)
