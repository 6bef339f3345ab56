import type { WebSocketServerOptions } from '../../../src/index.ts'
import type { Behaviour } from './behaviour.ts'

interface Case {
  readonly name: string
  readonly options: WebSocketServerOptions
  /** What the client offers, and what it gets: null for no header, a number for a refusal. */
  readonly offers: readonly (readonly [string | readonly string[] | null, string | number | null])[]
}

const CASES: readonly Case[] = [
  {
    name: 'the first that the client offers and the server knows',
    options: { protocols: ['v1', 'v2'] },
    offers: [
      ['v2, v1', 'v2'],
      ['v1,v2', 'v1'],
      ['v9, v2', 'v2'],
      [['v9', 'v1'], 'v1'],
      ['V1', null],
      ['v9', null],
      [null, null],
    ],
  },
  { name: 'without any of its own', options: {}, offers: [['v1', null]] },
  {
    name: 'handleProtocols decides instead',
    options: { handleProtocols: (offered) => offered.at(-1) ?? false, protocols: ['v1'] },
    offers: [
      ['v1, v2, v3', 'v3'],
      [null, null],
    ],
  },
  {
    name: 'what the client has not offered is never answered',
    options: { handleProtocols: () => 'surprise' },
    offers: [
      ['v1', null],
      ['surprise', 'surprise'],
    ],
  },
  { name: 'handleProtocols may want none', options: { handleProtocols: () => false }, offers: [['v1', null]] },
  {
    name: 'requireProtocol refuses',
    options: { protocols: ['v1'], requireProtocol: true },
    offers: [
      ['v1', 'v1'],
      ['v2', 400],
      [null, 400],
    ],
  },
]

export const subprotocols: Behaviour = (t, start) => {
  for (const { name, options, offers } of CASES) {
    t.test(name, async (t) => {
      const engine = await start(t, options)
      for (const [offered, expected] of offers) {
        const client = await engine.open({ headers: { 'Sec-WebSocket-Protocol': offered } })
        const { status, headers } = client.response
        if (typeof expected === 'number') {
          t.equal(status, expected)
          continue
        }
        t.equal(status, 101)
        t.same(headers.get('sec-websocket-protocol'), expected === null ? undefined : [expected], `of ${offered}`)
      }
      await engine.journal.until('all told', () => engine.journal.connections.length === accepted(offers) || undefined)
      const told = engine.journal.connections.map(({ request }) => request.protocol).sort()
      const agreed = offers.flatMap(([, expected]) => (typeof expected === 'number' ? [] : [expected ?? '']))
      t.same(told, agreed.sort())
    })
  }
}

function accepted(offers: Case['offers']): number {
  return offers.filter(([, expected]) => typeof expected !== 'number').length
}
