import type { FrameSpec } from '../fixtures/raw-frame.ts'
import {
  binary,
  type Case,
  chop,
  closing,
  continuation,
  fragments,
  gotBinary,
  gotPong,
  gotText,
  octets,
  ping,
  pong,
  type Step,
  send,
  sendEach,
  text,
  unfinished,
} from './case.ts'

type Sending = readonly [name: string, how: (...frames: FrameSpec[]) => Step]

const WAYS: readonly Sending[] = [
  ['in one write', send],
  ['a frame per write', sendEach],
  ['a byte per write', (...frames) => chop(1, ...frames)],
]

/** Category 5: RFC 6455 §5.4. */
export const fragmentationCases: readonly Case[] = [
  {
    id: '5.1',
    what: 'ping in two fragments',
    steps: () => [send(ping('a', unfinished), continuation('b'))],
    end: 1002,
  },
  {
    id: '5.2',
    what: 'pong in two fragments',
    steps: () => [send(pong('a', unfinished), continuation('b'))],
    end: 1002,
  },
  ...inEveryWay([3, 4, 5], 'text in two fragments', (how) => [
    how(...fragments(1, ['frag1', 'frag2'])),
    gotText('frag1frag2'),
  ]),
  ...inEveryWay([6, 7, 8], 'text in two fragments, a ping between', (how) => [
    how(text('frag1', unfinished), ping('ping'), continuation('frag2')),
    gotPong('ping'),
    gotText('frag1frag2'),
  ]),
  ...inEveryWay(
    [9, 10, 11],
    'a last fragment of nothing, then text',
    (how) => [how(continuation('stray'), text('never'))],
    1002,
  ),
  ...inEveryWay(
    [12, 13, 14],
    'a fragment of nothing, then text',
    (how) => [how(continuation('stray', unfinished), text('never'))],
    1002,
  ),
  {
    id: '5.15',
    what: 'a good fragmented message, then a fragment of nothing, then text',
    steps: () => [
      send(...fragments(1, ['frag1', 'frag2']), continuation('stray', unfinished), text('never')),
      gotText('frag1frag2'),
    ],
    end: 1002,
  },
  {
    id: '5.16',
    what: 'twice: fragment of nothing, then a fragmented text',
    steps: () => [send(...twice(continuation('stray', unfinished), text('a', unfinished), continuation('b')))],
    end: 1002,
  },
  {
    id: '5.17',
    what: 'twice: last fragment of nothing, then a fragmented text',
    steps: () => [send(...twice(continuation('stray'), text('a', unfinished), continuation('b')))],
    end: 1002,
  },
  {
    id: '5.18',
    what: 'text begun inside a text',
    steps: () => [send(text('frag1', unfinished), text('frag2'))],
    end: 1002,
  },
  {
    id: '5.19',
    what: 'five fragments, two pings answered while they arrive',
    steps: () => [
      send(text('1', unfinished), continuation('2', unfinished), ping('ping 1')),
      gotPong('ping 1'),
      send(continuation('3', unfinished), continuation('4', unfinished), ping('ping 2')),
      gotPong('ping 2'),
      send(continuation('5')),
      gotText('12345'),
    ],
    end: 'clean',
  },
  {
    id: '5.20',
    what: 'the same, all in one write',
    steps: () => [
      send(
        text('1', unfinished),
        continuation('2', unfinished),
        ping('ping 1'),
        continuation('3', unfinished),
        continuation('4', unfinished),
        ping('ping 2'),
        continuation('5'),
      ),
      gotPong('ping 1'),
      gotPong('ping 2'),
      gotText('12345'),
    ],
    end: 'clean',
  },
  ...strict(),
]

function inEveryWay(
  numbers: readonly number[],
  what: string,
  steps: (how: Sending[1]) => Step[],
  end: Case['end'] = 'clean',
): Case[] {
  return WAYS.map(([name, how], index) => ({
    id: `5.${numbers[index]}`,
    what: `${what}, ${name}`,
    steps: () => steps(how),
    end,
  }))
}

function twice(...frames: FrameSpec[]): FrameSpec[] {
  return [...frames, ...frames]
}

function strict(): Case[] {
  const many = Array.from({ length: 1000 }, (_, index) => `${index},`)
  return [
    { id: 'S5.1', what: 'close frame without FIN', steps: () => [send(closing(1000, '', unfinished))], end: 1002 },
    { id: 'S5.2', what: 'ping without FIN, nothing behind it', steps: () => [send(ping('', unfinished))], end: 1002 },
    {
      id: 'S5.3',
      what: 'binary begun inside a text',
      steps: () => [send(text('a', unfinished), binary('b'))],
      end: 1002,
    },
    {
      id: 'S5.4',
      what: 'text begun inside a binary',
      steps: () => [send(binary('a', unfinished), text('b', unfinished))],
      end: 1002,
    },
    {
      id: 'S5.5',
      what: 'empty fragments only',
      steps: () => [send(...fragments(1, ['', '', '', ''])), gotText('')],
      end: 'clean',
    },
    {
      id: 'S5.6',
      what: 'empty fragments around a full one',
      steps: () => [send(...fragments(2, ['', octets(300), ''])), gotBinary(octets(300))],
      end: 'clean',
    },
    {
      id: 'S5.7',
      what: '1000 fragments',
      steps: () => [send(...fragments(1, many)), gotText(many.join(''))],
      end: 'clean',
    },
    {
      id: 'S5.8',
      what: 'two fragmented messages of different kinds in a row',
      steps: () => [
        send(...fragments(1, ['te', 'xt']), ...fragments(2, [octets(3), octets(4)])),
        gotText('text'),
        gotBinary(Buffer.concat([octets(3), octets(4)])),
      ],
      end: 'clean',
    },
    {
      id: 'S5.9',
      what: 'a stray fragment behind a whole message',
      steps: () => [send(text('whole'), continuation('stray')), gotText('whole')],
      end: 1002,
    },
    {
      id: 'S5.10',
      what: 'fragments of one, three and 70000 bytes',
      steps: () => [
        send(...fragments(2, [octets(1), octets(3), octets(70_000)])),
        gotBinary(Buffer.concat([octets(1), octets(3), octets(70_000)])),
      ],
      end: 'clean',
    },
    {
      id: 'S5.11',
      what: 'a close frame inside a fragmented message ends it',
      steps: () => [send(text('a', unfinished), closing(1001))],
      end: 1001,
    },
    {
      id: 'S5.12',
      what: 'a pong in one fragment and a ping between each of ten',
      steps: () => [
        send(
          ...fragments(1, [...'abcdefghij']).flatMap((frame, index) => [
            frame,
            pong(),
            ...(index < 9 ? [ping(`${index}`)] : []),
          ]),
        ),
        ...Array.from({ length: 9 }, (_, index) => gotPong(`${index}`)),
        gotText('abcdefghij'),
      ],
      end: 'clean',
    },
  ]
}
