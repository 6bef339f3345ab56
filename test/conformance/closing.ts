import {
  ascii,
  type Case,
  chop,
  closing,
  continuation,
  fin,
  fragments,
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
import { hex, KOSME } from './utf8-vectors.ts'

// RFC 6455 §7.4 and the IANA registry: 1012–1014 came later; 1005, 1006 and 1015 are never sent.
const VALID_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
const REGISTERED_LATER = [1012, 1013, 1014]
const INVALID_CODES = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]

/** Category 7: the closing handshake, RFC 6455 §5.5.1 and §7. A good close frame is answered with its own code. */
export const closingCases: readonly Case[] = [
  {
    id: '7.1.1',
    what: 'a message, then close',
    steps: () => [send(text('Hello'), closing(1000)), gotText('Hello')],
    end: 1000,
  },
  { id: '7.1.2', what: 'two close frames', steps: () => [send(closing(1000), closing(1001))], end: 1000 },
  { id: '7.1.3', what: 'a ping behind close', steps: () => [send(closing(1000), ping('late'))], end: 1000 },
  { id: '7.1.4', what: 'text behind close', steps: () => [send(closing(1000), text('late'))], end: 1000 },
  {
    id: '7.1.5',
    what: 'close between two fragments',
    steps: () => [sendEach(text('frag1', unfinished), closing(1000), continuation('frag2'))],
    end: 1000,
  },
  {
    id: '7.1.6',
    what: '256 KiB, then close, then a ping',
    steps: () => [send(text(ascii(262_144)), closing(1000), ping()), gotText(ascii(262_144))],
    end: 1000,
  },
  { id: '7.3.1', what: 'close without a body', steps: () => [send(closing())], end: 1005 },
  {
    id: '7.3.2',
    what: 'close with a body of one byte',
    steps: () => [send({ opcode: 8, payload: hex('03') })],
    end: 1002,
  },
  { id: '7.3.3', what: 'close with a code', steps: () => [send(closing(1000))], end: 1000 },
  { id: '7.3.4', what: 'close with a code and a reason', steps: () => [send(closing(1000, 'done'))], end: 1000 },
  { id: '7.3.5', what: 'a reason of 123 bytes', steps: () => [send(closing(1000, ascii(123)))], end: 1000 },
  { id: '7.3.6', what: 'a reason of 124 bytes', steps: () => [send(closing(1000, ascii(124)))], end: 1002 },
  {
    id: '7.5.1',
    what: 'a reason that is not UTF-8',
    steps: () => [send(closing(1000, Buffer.concat([KOSME, hex('eda080')])))],
    end: 1007,
  },
  ...VALID_CODES.map(
    (code, index): Case => ({
      id: `7.7.${index + 1}`,
      what: `close ${code}`,
      steps: () => [send(closing(code))],
      end: code,
    }),
  ),
  ...REGISTERED_LATER.map(
    (code, index): Case => ({
      id: `S7.7.${index + 1}`,
      what: `close ${code}`,
      steps: () => [send(closing(code))],
      end: code,
    }),
  ),
  ...INVALID_CODES.map(
    (code, index): Case => ({
      id: `7.9.${index + 1}`,
      what: `close ${code}`,
      steps: () => [send(closing(code))],
      end: 1002,
    }),
  ),
  { id: 'S7.9.1', what: 'close 1015', steps: () => [send(closing(1015))], end: 1002 },
  { id: 'S7.9.2', what: 'close 1006 with a reason', steps: () => [send(closing(1006, 'never sent'))], end: 1002 },
  // Undefined by RFC 6455 §7.4.2, which ends at 4999.
  { id: '7.13.1', what: 'close 5000', steps: () => [send(closing(5000))], end: 1002 },
  { id: '7.13.2', what: 'close 65535', steps: () => [send(closing(65_535))], end: 1002 },
  ...strict(),
]

function strict(): Case[] {
  return [
    { id: 'S7.1', what: 'close a byte per write', steps: () => [chop(1, closing(1001, 'bye'))], end: 1001 },
    {
      id: 'S7.2',
      what: 'a reason of 41 three-byte code points',
      steps: () => [send(closing(4000, '€'.repeat(41)))],
      end: 4000,
    },
    {
      id: 'S7.3',
      what: 'a reason that stops inside a code point',
      steps: () => [send(closing(1000, hex('e282')))],
      end: 1007,
    },
    {
      id: 'S7.4',
      what: 'close of 126 bytes, two bytes of it',
      steps: () => [sendPart(2, closing(1000, ascii(124)))],
      end: 1002,
    },
    {
      id: 'S7.5',
      what: 'a violation behind close',
      steps: () => [send(closing(1000), text('late', { rsv: 7 }))],
      end: 1000,
    },
    {
      id: 'S7.6',
      what: 'bytes that are no frame behind close',
      steps: () => [send(closing(1000)), { kind: 'send', bytes: octets(5000) }],
      end: 1000,
    },
    { id: 'S7.7', what: '1 MiB behind close', steps: () => [send(closing(3000), text(ascii(1 << 20)))], end: 3000 },
    {
      id: 'S7.8',
      what: 'a hundred messages, then close',
      steps: () => [send(...HUNDRED.map((payload) => text(payload)), closing(1000)), ...HUNDRED.map(gotText)],
      end: 1000,
    },
    {
      id: 'S7.9',
      what: 'a hundred messages, then a violation',
      steps: () => [send(...HUNDRED.map((payload) => text(payload)), continuation('stray')), ...HUNDRED.map(gotText)],
      end: 1002,
    },
    {
      id: 'S7.10',
      what: 'a ping, then close',
      steps: () => [send(ping('last'), closing(1000)), gotPong('last')],
      end: 1000,
    },
    {
      id: 'S7.11',
      what: 'messages behind a violation are ignored',
      steps: () => [send(text('x', { rsv: 1 }), text('late'), ping('late'))],
      end: 1002,
    },
    {
      id: 'S7.12',
      what: '1 MiB behind a violation',
      steps: () => [send(pong('', unfinished), text(ascii(1 << 20)))],
      end: 1002,
    },
    {
      id: 'S7.13',
      what: 'a close frame behind a violation',
      steps: () => [send({ opcode: 3 }, closing(1000))],
      end: 1002,
    },
    // RFC 6455 §7.1.5: without a close frame there is nothing to answer.
    { id: 'S7.14', what: 'FIN without a close frame', steps: () => [fin], end: 'dropped' },
    { id: 'S7.15', what: 'FIN inside a frame', steps: () => [sendPart(20, text(ascii(100))), fin], end: 'dropped' },
    {
      id: 'S7.16',
      what: 'FIN inside a fragmented message',
      steps: () => [send(...fragments(1, ['a', 'b']).slice(0, 1)), fin],
      end: 'dropped',
    },
    { id: 'S7.17', what: 'FIN behind close', steps: () => [send(closing(1000)), fin], end: 1000 },
  ]
}

const HUNDRED = Array.from({ length: 100 }, (_, index) => `message ${index}`)
