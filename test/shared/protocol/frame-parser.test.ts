import fc from 'fast-check'
import t from 'tap'
import { FrameParser } from '../../../src/shared/protocol/frame-parser.ts'
import { encodeFrame, encodeMaskedFrame } from '../../../src/shared/protocol/frame-writer.ts'
import { Opcode } from '../../../src/shared/protocol/opcodes.ts'
import { EventLog, everySplit, hex, LIMITS, parse } from './event-log.ts'

const KEY = 0x3d21fa37
const HELLO = '48656c6c6f'

function payloadOf(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 7 + 3) % 251))
}

t.test('the examples of RFC 6455 §5.7', (t) => {
  t.same(parse([hex('8105 48656c6c6f')], { role: 'client' }), [`text ${HELLO}`])
  t.same(parse([hex('8185 37fa213d 7f9f4d5158')]), [`text ${HELLO}`])
  t.same(parse([hex('0103 48656c 8002 6c6f')], { role: 'client' }), [`text ${HELLO}`])
  t.same(parse([hex('8905 48656c6c6f')], { role: 'client' }), [`ping ${HELLO}`])
  t.same(parse([hex('8a85 37fa213d 7f9f4d5158')]), [`pong ${HELLO}`])
  t.end()
})

t.test('every boundary size, echoed exactly, one more refused by its declared length', (t) => {
  for (const role of ['server', 'client'] as const) {
    for (const maxPayload of [125, 126, 127, 65_535, 65_536, 70_000]) {
      const sizes = new Set([0, 1, 125, 126, 127, 65_535, 65_536, maxPayload - 1, maxPayload, maxPayload + 1])
      for (const size of sizes) {
        const payload = payloadOf(size)
        const frame =
          role === 'server' ? encodeMaskedFrame(Opcode.BINARY, payload, KEY) : encodeFrame(Opcode.BINARY, payload)
        const wanted = size <= maxPayload ? [`binary ${payload.toString('hex')}`] : ['MESSAGE_TOO_BIG']
        for (const parts of [
          [frame],
          [frame.subarray(0, 7), frame.subarray(7)],
          [frame.subarray(0, -1), frame.subarray(-1)],
        ]) {
          const events = parse(parts, { role, maxPayload })
          if (events.join() !== wanted.join())
            t.fail(`${role} size ${size} of ${maxPayload}`, { events: events.map((event) => event.slice(0, 40)) })
        }
      }
    }
  }
  t.pass('all sizes')
  t.end()
})

t.test('the declared length fails as soon as it is there', (t) => {
  const table: [string, string][] = [
    ['82fe 007d', 'LENGTH_NOT_MINIMAL'],
    ['82fe 0000', 'LENGTH_NOT_MINIMAL'],
    ['82ff 000000000000ffff', 'LENGTH_NOT_MINIMAL'],
    ['82ff 0000000000000000', 'LENGTH_NOT_MINIMAL'],
    ['82ff 80', 'LENGTH_OUT_OF_RANGE'],
    ['82ff ff', 'LENGTH_OUT_OF_RANGE'],
    ['82ff 0000000000100001', 'MESSAGE_TOO_BIG'],
    ['82ff 0000000080000000', 'MESSAGE_TOO_BIG'],
    ['82ff 0000000100000000', 'MESSAGE_TOO_BIG'],
    ['82ff 0020000000000000', 'MESSAGE_TOO_BIG'],
    ['82ff 0020000000000001', 'MESSAGE_TOO_BIG'],
    ['82ff 7fffffffffffffff', 'MESSAGE_TOO_BIG'],
  ]
  for (const [digits, code] of table) {
    const bytes = hex(digits)
    t.same(parse([bytes]), [code], digits)
    t.same(parse([bytes.subarray(0, -1)]), [], `${digits} without its last byte`)
    t.same(parse(Array.from(bytes, (byte) => Buffer.of(byte))), [code], `${digits} byte by byte`)
  }
  const whole = Buffer.concat([hex('82fe 007d 00000000'), Buffer.alloc(125)])
  t.same(parse([whole]), ['LENGTH_NOT_MINIMAL'], 'with its payload')
  t.same(parse([hex('82fe ffff')], { maxPayload: 65_534 }), ['MESSAGE_TOO_BIG'], 'a 16-bit length')
  t.same(
    parse([hex('82ff 0010000000000000')], { maxPayload: Number.MAX_SAFE_INTEGER }),
    [],
    'a length within a gigantic limit',
  )
  t.end()
})

t.test('what was collected counts towards maxPayload', (t) => {
  const first = encodeMaskedFrame(Opcode.BINARY, payloadOf(60), KEY, { fin: false })
  const header = (length: number): Buffer => Buffer.of(0x80, 0x80 | length)
  t.same(parse([first, header(41)], { maxPayload: 100 }), ['MESSAGE_TOO_BIG'])
  t.same(parse([first, header(40)], { maxPayload: 100 }), [])
  const empty = encodeMaskedFrame(Opcode.BINARY, payloadOf(100), KEY, { fin: false })
  const last = encodeMaskedFrame(Opcode.CONTINUATION, payloadOf(0), KEY)
  t.equal(parse([empty, last], { maxPayload: 100 }).length, 1, 'an empty frame at the limit')
  t.end()
})

t.test('a declared length allocates nothing', (t) => {
  const limits = { ...LIMITS, maxPayload: 2 ** 31 }
  const before = process.memoryUsage().arrayBuffers
  const parsers = Array.from({ length: 20 }, () => {
    const parser = new FrameParser('server', limits, new EventLog())
    parser.push(hex('82ff 0000000040000000 00000000 00'))
    return parser
  })
  t.ok(process.memoryUsage().arrayBuffers - before < 65_536, 'one gigabyte declared, one byte sent, 20 times')
  t.ok(parsers.every((parser) => parser.isUnderWay))
  t.end()
})

t.test('maxFragments counts every frame of a message, empty and interleaved ones as they are', (t) => {
  const empty = hex('0080 00000000')
  const begin = hex('0180 00000000')
  const ping = hex('8980 00000000')
  const end = hex('8080 00000000')
  t.same(parse([begin, empty, ping, ping, end], { maxFragments: 3 }), ['ping ', 'ping ', 'text '])
  t.same(parse([begin, empty, empty, end], { maxFragments: 3 }), ['TOO_MANY_FRAGMENTS'])
  t.same(
    parse([begin, empty, empty, Buffer.of(0x80)], { maxFragments: 3 }),
    ['TOO_MANY_FRAGMENTS'],
    'at its first byte',
  )
  t.same(parse([begin, end, begin, end], { maxFragments: 2 }), ['text ', 'text '], 'each message anew')
  t.same(parse([hex('8180 00000000')], { maxFragments: 1 }), ['text '])
  t.end()
})

t.test('any cut gives the same events', (t) => {
  const masked = (opcode: Opcode, payload: Buffer, options = {}): Buffer =>
    encodeMaskedFrame(opcode, payload, KEY, options)
  const streams: [string, Buffer[]][] = [
    [
      'messages and pings',
      [masked(1, Buffer.from('héllo')), masked(9, payloadOf(4)), masked(2, payloadOf(300)), masked(10, payloadOf(0))],
    ],
    [
      'control frames between fragments',
      [
        masked(1, Buffer.from('žlu'), { fin: false }),
        masked(9, payloadOf(125)),
        masked(0, Buffer.alloc(0), { fin: false }),
        masked(0, Buffer.from('ťoučký'), { fin: false }),
        masked(10, payloadOf(3)),
        masked(0, Buffer.from(' kůň 🐎')),
        masked(8, hex('03e8 6279 65')),
        masked(1, Buffer.from('ignored')),
      ],
    ],
    [
      'a character cut by frames',
      [masked(1, hex('f09f'), { fin: false }), masked(0, hex('90'), { fin: false }), masked(0, hex('8e'))],
    ],
    [
      'a violation after messages',
      [masked(2, payloadOf(126)), masked(1, payloadOf(0)), hex('83'), masked(1, payloadOf(0))],
    ],
    [
      'invalid text in the middle',
      [masked(1, Buffer.from('ok')), masked(1, hex('61ff61')), masked(1, Buffer.from('no'))],
    ],
    ['a bad close code', [masked(8, hex('03ed'))]],
    ['an empty close', [masked(8, Buffer.alloc(0))]],
  ]
  for (const [name, frames] of streams) {
    const wire = Buffer.concat(frames)
    const wanted = parse([wire])
    t.ok(wanted.length > 0, `${name}: ${wanted.length} events`)
    for (const parts of everySplit(wire)) {
      const events = parse(parts)
      if (events.join('\n') !== wanted.join('\n')) t.same(events, wanted, `${name} cut at ${parts[0]?.length}`)
    }
  }
  t.same(
    parse([Buffer.concat(streams[1]?.[1] ?? [])]).map((event) => event.slice(0, 13)),
    [
      'ping 030a1118',
      'pong 030a11',
      `text ${Buffer.from('žluťoučký kůň 🐎').toString('hex').slice(0, 8)}`,
      'close 1000 by',
    ],
  )
  t.end()
})

t.test('random messages, random fragments, random cuts', (t) => {
  const message = fc.record({
    payload: fc.uint8Array({ maxLength: 400 }),
    cuts: fc.array(fc.nat(400), { maxLength: 4 }),
    ping: fc.boolean(),
    key: fc.integer(),
  })
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.nat(3000), { maxLength: 8 }), (messages, reads) => {
      const frames: Buffer[] = []
      const wanted: string[] = []
      for (const { payload, cuts, ping, key } of messages) {
        const edges = [0, ...cuts.map((cut) => Math.min(cut, payload.length)).sort((a, b) => a - b), payload.length]
        for (let index = 1; index < edges.length; index += 1) {
          const part = payload.subarray(edges[index - 1], edges[index])
          frames.push(encodeMaskedFrame(index === 1 ? 2 : 0, part, key, { fin: index === edges.length - 1 }))
          if (ping && index < edges.length - 1) {
            frames.push(encodeMaskedFrame(Opcode.PING, payload.subarray(0, 3), key))
            wanted.push(`ping ${Buffer.from(payload.subarray(0, 3)).toString('hex')}`)
          }
        }
        wanted.push(`binary ${Buffer.from(payload).toString('hex')}`)
      }
      const wire = Buffer.concat(frames)
      const edges = [0, ...reads.map((at) => Math.min(at, wire.length)).sort((a, b) => a - b), wire.length]
      const parts = edges.slice(1).map((end, index) => wire.subarray(edges[index], end))
      return parse(parts).join('\n') === wanted.join('\n')
    }),
    { seed: 6455, numRuns: 500 },
  )
  t.end()
})

t.test('random bytes never throw and fail at most once', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 6 }), fc.boolean(), (parts, isServer) => {
      const parser = new FrameParser(isServer ? 'server' : 'client', LIMITS, new EventLog())
      return parts.filter((part) => parser.push(Buffer.from(part)) !== null).length <= 1
    }),
    { seed: 6455, numRuns: 2000 },
  )
  t.end()
})

t.test('a whole frame is handed out as a view, unmasked in place', (t) => {
  const frame = encodeMaskedFrame(Opcode.BINARY, payloadOf(40), KEY)
  const copy = Buffer.allocUnsafeSlow(frame.length)
  frame.copy(copy)
  let seen: Buffer | null = null
  const log = new EventLog()
  log.onMessage = (payload) => {
    seen = payload
  }
  new FrameParser('server', LIMITS, log).push(copy)
  t.equal((seen as Buffer | null)?.buffer, copy.buffer)
  t.same(copy.subarray(6), payloadOf(40))
  t.end()
})

t.test('RSV1 marks a compressed message when it was negotiated', (t) => {
  const notText = hex('ff00')
  const options = { allowRsv1: true }
  const whole = encodeMaskedFrame(Opcode.TEXT, notText, KEY, { rsv1: true })
  t.same(parse([whole], options), ['compressed text ff00'], 'not checked for UTF-8')
  const begin = encodeMaskedFrame(Opcode.TEXT, notText, KEY, { rsv1: true, fin: false })
  const end = encodeMaskedFrame(Opcode.CONTINUATION, notText, KEY)
  for (const parts of everySplit(Buffer.concat([begin, end]))) {
    if (parse(parts, options).join() !== 'compressed text ff00ff00')
      t.fail('cut', { cut: parts.map((part) => part.length) })
  }
  t.same(parse([begin, hex('c080 00000000')], options), ['RESERVED_BITS'], 'on a continuation')
  t.same(parse([hex('c980 00000000')], options), ['RESERVED_BITS'], 'on a control frame')
  t.same(
    parse([encodeMaskedFrame(Opcode.TEXT, notText, KEY)], options),
    ['INVALID_UTF8'],
    'plain text is still checked',
  )
  t.same(parse([whole]), ['RESERVED_BITS'], 'not negotiated')
  t.end()
})

t.test('text fails at the byte that makes it invalid, inside an unfinished frame too', (t) => {
  const table = ['c0', 'c1', 'e080', 'eda0', 'f080', 'f490', 'f5', 'ff', '80', 'c241', 'e28241', 'f09f9041', 'ceba80']
  for (const digits of table) {
    const bad = hex(digits)
    for (const before of ['', 'κόσμε', 'x'.repeat(100)]) {
      const text = Buffer.concat([Buffer.from(before), bad])
      const frame = encodeMaskedFrame(Opcode.TEXT, Buffer.concat([text, Buffer.alloc(500, 'a')]), KEY)
      const header = frame.length - text.length - 500
      const upTo = (length: number): Buffer => frame.subarray(0, header + length)
      t.same(parse([upTo(text.length - 1)]), [], `${digits} after ${before.length}: not yet`)
      t.same(parse([upTo(text.length)]), ['INVALID_UTF8'], `${digits} after ${before.length}: now`)
      for (const parts of everySplit(upTo(text.length))) {
        if (parse(parts).join() !== 'INVALID_UTF8') t.fail('cut', { cut: parts.map((part) => part.length) })
      }
    }
  }
  const fragments = [
    encodeMaskedFrame(Opcode.TEXT, hex('61f09f'), KEY, { fin: false }),
    encodeMaskedFrame(0, hex('90'), KEY),
  ]
  for (const open of [encodeMaskedFrame(Opcode.TEXT, hex('61f09f90'), KEY), Buffer.concat(fragments)]) {
    for (const parts of everySplit(open)) {
      if (parse(parts).join() !== 'INVALID_UTF8') t.fail('a message must not end inside a character', { parts })
    }
  }
  t.end()
})

t.test('close frames', (t) => {
  const close = (digits: string): Buffer => encodeMaskedFrame(Opcode.CLOSE, hex(digits), KEY)
  const accepted = new Set([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014])
  const wrong: number[] = []
  for (let code = 0; code <= 0xffff; code += 1) {
    const body = Buffer.alloc(2)
    body.writeUInt16BE(code)
    const wanted = accepted.has(code) || (code >= 3000 && code < 5000) ? `close ${code} ` : 'INVALID_CLOSE_CODE'
    if (parse([encodeMaskedFrame(Opcode.CLOSE, body, KEY)]).join() !== wanted) wrong.push(code)
  }
  t.same(wrong, [], 'all 65,536 codes')
  t.same(parse([close('')]), ['close 1005 '])
  t.same(parse([close('03e8 c3a9')]), ['close 1000 é'])
  t.same(parse([close('03e8 c3')]), ['INVALID_UTF8'])
  t.same(parse([close('03e8 eda080')]), ['INVALID_UTF8'])
  t.same(parse([hex('8881')]), ['INVALID_CLOSE_PAYLOAD'], 'a body of one byte, as soon as it is declared')
  t.same(parse([close('03e8'), close('03e9')]), ['close 1000 '], 'nothing after it counts')
  t.same(parse([Buffer.concat([close('03e8'), hex('ffff')])]), ['close 1000 '], 'not even in the same read')
  t.end()
})

t.test('stop() ends a push under way, in every callback and state', (t) => {
  const frames = [
    encodeMaskedFrame(Opcode.BINARY, payloadOf(3), KEY),
    encodeMaskedFrame(Opcode.PING, payloadOf(3), KEY),
    encodeMaskedFrame(Opcode.PONG, payloadOf(3), KEY),
    Buffer.concat([
      encodeMaskedFrame(Opcode.BINARY, payloadOf(3), KEY, { fin: false }),
      encodeMaskedFrame(0, payloadOf(3), KEY),
    ]),
    encodeMaskedFrame(Opcode.CLOSE, hex('03e8'), KEY),
  ]
  for (const frame of frames) {
    for (const parts of everySplit(Buffer.concat([frame, frame, hex('ff')]))) {
      let calls = 0
      const stop = (): void => {
        calls += 1
        parser.stop()
      }
      const parser: FrameParser = new FrameParser('server', LIMITS, {
        onMessage: stop,
        onPing: stop,
        onPong: stop,
        onClose: stop,
      })
      const violations = parts.map((part) => parser.push(Buffer.from(part))).filter((violation) => violation !== null)
      if (calls !== 1 || violations.length > 0 || parser.isUnderWay) t.fail('went on', { frame, calls })
    }
  }
  t.pass('one event each')
  t.end()
})

t.test('what the sink throws is passed on and stops the parser', (t) => {
  const log = new EventLog()
  const failing = new EventLog()
  failing.onMessage = () => {
    throw new RangeError('mine')
  }
  const frame = encodeMaskedFrame(Opcode.BINARY, payloadOf(3), KEY)
  const parser = new FrameParser('server', LIMITS, failing)
  t.throws(() => parser.push(Buffer.concat([frame, frame])), { message: 'mine' })
  failing.onMessage = log.onMessage
  t.equal(parser.push(Buffer.from(frame)), null)
  t.same(failing.events, [])
  t.end()
})

t.test('something is under way from the first byte of a message or a control frame to its last', (t) => {
  const begin = encodeMaskedFrame(Opcode.TEXT, payloadOf(3), KEY, { fin: false })
  const ping = encodeMaskedFrame(Opcode.PING, payloadOf(3), KEY)
  const end = encodeMaskedFrame(Opcode.CONTINUATION, payloadOf(3), KEY)
  const parser = new FrameParser('server', LIMITS, new EventLog())
  const states = (bytes: Buffer): boolean[] =>
    Array.from(bytes, (byte) => {
      parser.push(Buffer.of(byte))
      return parser.isUnderWay
    })
  t.same(states(ping), [...Array(ping.length - 1).fill(true), false])
  t.same(new Set(states(begin)), new Set([true]))
  t.same(new Set(states(ping)), new Set([true]))
  t.same(states(end), [...Array(end.length - 1).fill(true), false])
  states(begin)
  parser.stop()
  t.notOk(parser.isUnderWay, 'of a stopped parser nothing is to come')
  t.end()
})

t.test('cost is linear in the number of fragments', (t) => {
  const cost = (fragments: number): number => {
    const wire = Buffer.concat(
      Array(fragments).fill(encodeMaskedFrame(Opcode.CONTINUATION, payloadOf(1), 0, { fin: false })),
    )
    wire[0] = Opcode.BINARY
    const parser = new FrameParser('server', { ...LIMITS, maxFragments: fragments }, new EventLog())
    const begin = process.cpuUsage()
    t.equal(parser.push(wire), null)
    const { user, system } = process.cpuUsage(begin)
    return user + system
  }
  cost(20_000)
  const [once, eightTimes] = [cost(50_000), cost(400_000)]
  t.ok(eightTimes < once * 8 * 3, `${once} µs, ${eightTimes} µs for eight times as many`)
  t.end()
})
