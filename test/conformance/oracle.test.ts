import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { encodeFrame, encodeFrames, type FrameSpec, RawFrameReader, RawOpcode } from '../fixtures/raw-frame.ts'
import { SAMPLE_ACCEPT } from '../fixtures/raw-request.ts'
import { binary, type Case, closing, gotText, octets, send, text } from './case.ts'
import { closingCases } from './closing.ts'
import { fragmentationCases } from './fragmentation.ts'
import { framingCases } from './framing.ts'
import { acceptedCases } from './handshake-accepted.ts'
import { policies } from './handshake-policies.ts'
import { refusedCases } from './handshake-refused.ts'
import { limitCases } from './limits.ts'
import { opcodeCases } from './opcodes.ts'
import { pingCases } from './pings.ts'
import { reservedBitsCases } from './reserved-bits.ts'
import { runCase } from './run-case.ts'
import { utf8Cases } from './utf8.ts'
import { firstOffence, UTF8_VECTORS } from './utf8-vectors.ts'

// Who checks the checkers: the suite's own tools against Node's and against servers that are wrong on purpose.

t.test('the UTF-8 table agrees with Node about every vector and every two bytes', async (t) => {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const isText = (bytes: Buffer): boolean => {
    try {
      return decoder.decode(bytes) !== undefined
    } catch {
      return false
    }
  }
  const pairs = Array.from({ length: 0x10000 }, (_, pair) => Buffer.from([pair >> 8, pair & 0xff]))
  const differing = [...UTF8_VECTORS.map(({ bytes }) => bytes), ...pairs].filter(
    (bytes) => (firstOffence(bytes) === -1) !== isText(bytes),
  )
  t.strictSame(differing, [])
  t.equal(UTF8_VECTORS.length, 132)
})

t.test('the reader returns what the encoder wrote, however it is cut', async (t) => {
  const sizes = [0, 1, 125, 126, 65_535, 65_536]
  const bytes = encodeFrames(sizes.map((size) => binary(octets(size))))
  for (const step of [1, 2, 7, 65_537, bytes.length]) {
    const reader = new RawFrameReader()
    const frames = []
    for (let at = 0; at < bytes.length; at += step) frames.push(...reader.push(bytes.subarray(at, at + step)))
    t.strictSame(
      frames.map(({ payload }) => payload.equals(octets(payload.length)) && payload.length),
      sizes,
      `steps of ${step}`,
    )
    t.equal(reader.leftover, 0)
  }
})

t.test('the example frames of RFC 6455 §5.7', async (t) => {
  const mask = Buffer.from('37fa213d', 'hex')
  t.equal(encodeFrame(text('Hello', { mask })).toString('hex'), '818537fa213d7f9f4d5158')
  t.equal(encodeFrame(text('Hello', { mask: false })).toString('hex'), '810548656c6c6f')
  t.equal(encodeFrame(binary(Buffer.alloc(256), { mask: false })).toString('hex', 0, 4), '827e0100')
  t.equal(encodeFrame(binary(Buffer.alloc(65_536), { mask: false })).toString('hex', 0, 10), '827f0000000000010000')
})

t.test('every id is given once', async (t) => {
  const ids = [
    framingCases,
    pingCases,
    reservedBitsCases,
    opcodeCases,
    fragmentationCases,
    utf8Cases,
    closingCases,
    limitCases,
    acceptedCases,
    refusedCases,
    ...policies.map(({ cases }) => cases),
  ].flatMap((cases) => cases.map(({ id }) => id))
  t.strictSame(
    ids.filter((id, index) => ids.indexOf(id) !== index),
    [],
  )
})

const ECHO: Case = {
  id: 'echo',
  what: '',
  steps: () => [send(text('hi')), gotText('hi')],
  end: 'clean',
  deadlineMs: 200,
}
const VIOLATION: Case = {
  id: 'violation',
  what: '',
  steps: () => [send(text('hi', { rsv: 1 }))],
  end: 1002,
  deadlineMs: 200,
}
const ownReply = { mask: false } as const
const hi = text('hi', ownReply)
const goodbye = closing(1000, '', ownReply)

interface Faulty {
  readonly name: string
  readonly testCase: Case
  /** Sent at the client's first bytes. */
  readonly answer: readonly FrameSpec[]
  readonly after: 'fin' | 'reset' | 'nothing'
  readonly failure: RegExp
}

const FAULTY: readonly Faulty[] = [
  { name: 'masks', testCase: ECHO, answer: [text('hi'), goodbye], after: 'fin', failure: /masked/ },
  {
    name: 'sets a reserved bit',
    testCase: ECHO,
    answer: [text('hi', { ...ownReply, rsv: 4 }), goodbye],
    after: 'fin',
    failure: /reserved bits 4/,
  },
  {
    name: 'wastes length bytes',
    testCase: ECHO,
    answer: [text('hi', { ...ownReply, lengthForm: 16 }), goodbye],
    after: 'fin',
    failure: /16 bits/,
  },
  {
    name: 'echoes another text',
    testCase: ECHO,
    answer: [text('ho', ownReply), goodbye],
    after: 'fin',
    failure: /expected Text/,
  },
  {
    name: 'echoes as binary',
    testCase: ECHO,
    answer: [binary('hi', ownReply), goodbye],
    after: 'fin',
    failure: /expected Text/,
  },
  { name: 'echoes twice', testCase: ECHO, answer: [hi, hi, goodbye], after: 'fin', failure: /unexpected: Text/ },
  { name: 'says nothing', testCase: ECHO, answer: [], after: 'nothing', failure: /a message: not within 200 ms/ },
  { name: 'goes without a close frame', testCase: ECHO, answer: [hi], after: 'fin', failure: /the peer ended first/ },
  {
    name: 'waits for the client to end',
    testCase: ECHO,
    answer: [hi, goodbye],
    after: 'nothing',
    failure: /the end of the connection: not/,
  },
  {
    name: 'talks behind its close frame',
    testCase: ECHO,
    answer: [hi, goodbye, hi],
    after: 'fin',
    failure: /1 frames after/,
  },
  {
    name: 'closes with another code',
    testCase: VIOLATION,
    answer: [closing(1007, '', ownReply)],
    after: 'fin',
    failure: /expected close 1002; seen: close 1007/,
  },
  { name: 'resets', testCase: VIOLATION, answer: [closing(1002, '', ownReply)], after: 'reset', failure: /reset/ },
  {
    name: 'ends inside a frame',
    testCase: VIOLATION,
    answer: [closing(1002, '', ownReply), { opcode: RawOpcode.Text, mask: false, declared: 9n }],
    after: 'fin',
    failure: /unfinished/,
  },
]

for (const faulty of FAULTY) {
  t.test(`a server that ${faulty.name} fails the case`, async (t) => {
    t.match(await runCase(await startFaulty(t, faulty), faulty.testCase), faulty.failure)
  })
}

t.test('a server that does all of it right passes', async (t) => {
  const right = { ...FAULTY[0], answer: [hi, goodbye], after: 'fin' } as Faulty
  t.equal(await runCase(await startFaulty(t, right), ECHO), null)
})

async function startFaulty(t: Test, { answer, after }: Faulty): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {}) // The client leaves as it likes.
    socket.once('data', () => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          `Sec-WebSocket-Accept: ${SAMPLE_ACCEPT}\r\n\r\n`,
      )
      socket.once('data', () => {
        socket.write(encodeFrames(answer))
        if (after === 'fin') socket.end()
        if (after === 'reset') setImmediate(() => socket.resetAndDestroy())
      })
    })
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}
