import {
  ascii,
  binary,
  type Case,
  chop,
  continuation,
  gotBinary,
  gotPong,
  gotText,
  octets,
  ping,
  pong,
  send,
  sendEach,
  sendPart,
  text,
  unfinished,
} from './case.ts'

const TEN = Array.from({ length: 10 }, (_, index) => `payload ${index}`)

/** Category 2: RFC 6455 §5.5.2 and §5.5.3. */
export const pingCases: readonly Case[] = [
  { id: '2.1', what: 'ping without payload', steps: () => [send(ping()), gotPong()], end: 'clean' },
  {
    id: '2.2',
    what: 'ping with text',
    steps: () => [send(ping('Hello, shard')), gotPong('Hello, shard')],
    end: 'clean',
  },
  {
    id: '2.3',
    what: 'ping with bytes that are not UTF-8',
    steps: () => [send(ping(octets(8))), gotPong(octets(8))],
    end: 'clean',
  },
  { id: '2.4', what: 'ping of 125 bytes', steps: () => [send(ping(octets(125))), gotPong(octets(125))], end: 'clean' },
  { id: '2.5', what: 'ping of 126 bytes', steps: () => [send(ping(octets(126)))], end: 1002 },
  {
    id: '2.6',
    what: 'ping of 125 bytes, one per write',
    steps: () => [chop(1, ping(octets(125))), gotPong(octets(125))],
    end: 'clean',
  },
  { id: '2.7', what: 'pong nobody asked for', steps: () => [send(pong())], end: 'clean' },
  { id: '2.8', what: 'pong nobody asked for, with payload', steps: () => [send(pong('unsolicited'))], end: 'clean' },
  {
    id: '2.9',
    what: 'such a pong, then a ping',
    steps: () => [send(pong('unsolicited'), ping('asked')), gotPong('asked')],
    end: 'clean',
  },
  {
    id: '2.10',
    what: 'ten pings in one write',
    steps: () => [send(...TEN.map((payload) => ping(payload))), ...TEN.map(gotPong)],
    end: 'clean',
  },
  {
    id: '2.11',
    what: 'ten pings, a byte per write',
    steps: () => [chop(1, ...TEN.map((payload) => ping(payload))), ...TEN.map(gotPong)],
    end: 'clean',
  },
  {
    id: 'S2.1',
    what: 'ping of 126 bytes, only two bytes of it',
    steps: () => [sendPart(2, ping(octets(126)))],
    end: 1002,
  },
  {
    id: 'S2.2',
    what: 'ping with a 64-bit length',
    steps: () => [send(ping(octets(4), { lengthForm: 64 }))],
    end: 1002,
  },
  { id: 'S2.3', what: 'pong of 126 bytes', steps: () => [send(pong(ascii(126)))], end: 1002 },
  {
    id: 'S2.4',
    what: 'pings between messages',
    steps: () => [
      send(text('a'), ping('1'), binary(octets(9)), ping('2'), text('b')),
      gotPong('1'),
      gotPong('2'),
      gotText('a'),
      gotBinary(octets(9)),
      gotText('b'),
    ],
    end: 'clean',
  },
  {
    id: 'S2.5',
    what: 'a ping is answered while a message is unfinished',
    steps: () => [send(text('a', unfinished), ping('now')), gotPong('now'), send(continuation('b')), gotText('ab')],
    end: 'clean',
  },
  {
    id: 'S2.6',
    what: 'a ping behind 1 MiB is answered with its own payload',
    steps: () => [sendEach(binary(octets(1 << 20)), ping('after')), gotPong('after'), gotBinary(octets(1 << 20))],
    end: 'clean',
  },
  {
    id: 'S2.7',
    what: 'a pong with the payload of nothing pending inside a fragmented message',
    steps: () => [send(text('a', unfinished), pong(octets(125)), continuation('b')), gotText('ab')],
    end: 'clean',
  },
]
