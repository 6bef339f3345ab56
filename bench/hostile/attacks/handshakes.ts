import type { Arena } from '../attackers/arena.ts'
import { atMost } from '../attackers/at-most.ts'
import { type Client, handshake } from '../attackers/client.ts'
import type { Size } from '../protocol.ts'

/** How long those who are connected wait for the server to lose patience. */
const WINDOW_MS = 3000
const CONNECT_MS = 5000
const NO_BYTES = Buffer.alloc(0)

/** RFC 7230 leaves the size of a head open; Node refuses one above 16 KiB. */
const LONG_VALUE_BYTES = 15_500
const MANY_FIELDS = 2000

/** Half a request, then silence. */
export async function slowloris(arena: Arena, { connections }: Size): Promise<void> {
  await connected(arena.enter(connections, 'GET /chat HTTP/1.1\r\nHost: localhost\r\nX-Slow'))
  await arena.ended(WINDOW_MS)
}

/** Handshakes that a `verifyClient` which never settles keeps waiting. */
export async function waitForVerdict(arena: Arena, { connections }: Size): Promise<void> {
  await connected(arena.enter(connections, handshake()))
  await arena.ended(WINDOW_MS)
}

/** `each` requests of 2000 header fields on each of so many connections at a time. */
export async function floodHeaders(arena: Arena, { connections, each }: Size): Promise<void> {
  const fields = 'x:1\r\n'.repeat(MANY_FIELDS)
  const [line = '', ...rest] = handshake().split('\r\n')
  const upgradeLast = `${line}\r\n${fields}${rest.join('\r\n')}`
  const upgradeFirst = `${handshake().slice(0, -2)}${fields}\r\n`
  await arena.request(cycle([upgradeFirst, upgradeLast], connections * each), connections)
}

/** Handshakes that RFC 6455 §4.2.1 forbids. */
export async function badUpgrades(arena: Arena, { connections, each }: Size): Promise<void> {
  const good = handshake()
  const bad = [
    good.replace('Version: 13', 'Version: 12'),
    good.replace('Version: 13', 'Version: 999999999999'),
    good.replace('Version: 13', 'Version: x'),
    good.replace(/Sec-WebSocket-Version.*\r\n/, ''),
    good.replace(/Sec-WebSocket-Key.*\r\n/, ''),
    good.replace(/Key: .*\r\n/, 'Key: short\r\n'),
    good.replace(/Key: .*\r\n/, 'Key: !!!!!!!!!!!!!!!!!!!!!!==\r\n'),
    good.replace(/(Sec-WebSocket-Key.*\r\n)/, '$1$1'),
    good.replace('GET', 'POST'),
    good.replace('Upgrade: websocket', 'Upgrade: h2c'),
  ]
  await arena.request(cycle(bad, connections * each), connections)
}

/** Lists of extensions on which a careless parser takes quadratic time. */
export async function longTokens(arena: Arena, { connections, each }: Size): Promise<void> {
  const values = [',', ' ', '"', '\\', 'a,', 'a;', 'a=";"', ' \t', ', '].map((unit) =>
    `x${unit.repeat(LONG_VALUE_BYTES)}`.slice(0, LONG_VALUE_BYTES),
  )
  const requests = values.map((value) => handshake({ fields: { 'Sec-WebSocket-Extensions': `${value}x` } }))
  await arena.request(cycle(requests, connections * each), connections)
}

/** What is written last has been taken by the kernel, so the connections are there. */
function connected(clients: readonly Client[]): Promise<void> {
  return atMost(CONNECT_MS, Promise.all(clients.map((client) => client.write(NO_BYTES))))
}

function cycle(requests: readonly string[], count: number): string[] {
  return Array.from({ length: count }, (_, index) => requests[index % requests.length] as string)
}
