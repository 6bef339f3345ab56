import fc from 'fast-check'
import t from 'tap'
import { MAIN } from '../../workers/main-link.ts'
import { byPublisher, type Client, type ModelShard, MoveNetwork } from '../fixtures/move-network.ts'

const SHARDS = 3
const CLIENTS = 6
const RUNS = Number(process.env.MOVES_RUNS ?? 100)

interface Act {
  readonly kind: 'step' | 'publish' | 'broadcast' | 'send' | 'move' | 'end' | 'kill' | 'create'
  readonly a: number
  readonly b: number
}

const weighted = (kinds: readonly (readonly [Act['kind'], number])[]): fc.Arbitrary<Act> =>
  fc.record({
    kind: fc.oneof(...kinds.map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind) }))),
    a: fc.nat(1000),
    b: fc.nat(1000),
  })

const TRAFFIC = [
  ['step', 12],
  ['publish', 4],
  ['broadcast', 1],
  ['send', 4],
  ['move', 2],
] as const

/** Plays what is to happen, to the end. */
async function play(acts: readonly Act[], isMeshed: boolean, isChatty = false): Promise<MoveNetwork> {
  const network = new MoveNetwork({ isMeshed })
  for (let index = 0; index < SHARDS; index++) network.addShard()
  await network.settle(() => 0)
  for (let index = 0; index < CLIENTS; index++) network.addClient(network.shards[index % SHARDS] as ModelShard)
  if (isChatty) network.chat()
  let last: Promise<unknown> = Promise.resolve()
  let seed = 7
  const alive = (): ModelShard[] => network.shards.filter(({ isDead, isReady }) => !isDead && isReady)
  const publisherOf = (number: number): number => {
    const all = isMeshed ? [MAIN, ...alive().map(({ index }) => index)] : [MAIN]
    return all[number % all.length] as number
  }
  for (const { kind, a, b } of acts) {
    const client = network.clients[b % network.clients.length] as Client
    seed = (seed * 31 + a + b) % 10_007
    if (kind === 'step') await network.step(a)
    else if (kind === 'publish') network.publish(publisherOf(a))
    else if (kind === 'broadcast') network.publish(publisherOf(a), true)
    else if (kind === 'send') network.send(publisherOf(a), client)
    else if (kind === 'end') client.home.end(client.key)
    else if (kind === 'create') network.addShard()
    else if (kind === 'kill') alive().length > 1 && network.kill(alive()[a % alive().length] as ModelShard)
    else {
      last = last.then(() => {
        const from = alive()[a % alive().length] as ModelShard
        const to = alive()[b % alive().length] as ModelShard
        const some = network.clients.filter((each, index) => each.isOn(from) && (a + index) % 3 > 0)
        return from === to ? undefined : network.move(some, from, to)
      })
    }
  }
  const choices = (): number => {
    seed = (seed * 31 + 11) % 10_007
    return seed
  }
  await network.settle(choices)
  const isSettled = await Promise.race([last.then(() => true), new Promise((resolve) => setImmediate(resolve, false))])
  if (!isSettled) throw new Error('a move hangs')
  return network
}

/** What is wrong once everything has come to rest. */
function faults(network: MoveNetwork): string[] {
  const found: string[] = []
  const living = network.shards.filter(({ isDead }) => !isDead)
  for (const client of network.clients) {
    const [got, expected] = [byPublisher(client.got), byPublisher(network.expected.get(client) ?? [])]
    for (const { index } of network.shards.filter(({ isDead }) => isDead)) {
      const numbers = got[index] ?? []
      if (numbers.some((number, at) => number <= (numbers[at - 1] ?? 0)))
        found.push(`${client.key} of ${index} got ${numbers}`)
      // What a shard had not sent when it died is lost.
      delete got[index]
      delete expected[index]
    }
    if (client.isOpen && JSON.stringify(sorted(got)) !== JSON.stringify(sorted(expected))) {
      found.push(`${client.key} got ${JSON.stringify(sorted(got))}, not ${JSON.stringify(sorted(expected))}`)
    }
    for (const [publisher, numbers] of Object.entries(got)) {
      if (numbers.some((number, at) => number <= (numbers[at - 1] ?? 0))) {
        found.push(`${client.key} of ${publisher} got ${numbers}, not ${expected[publisher]}`)
      }
    }
    if (!client.isOpen) continue
    const owners = living.filter(({ connections }) => connections.has(client.key))
    if (owners.length !== 1 || owners[0] !== client.home)
      found.push(`${client.key} is on ${owners.map((o) => o.index)}`)
    if (network.table.shard(client.key) !== client.home.index)
      found.push(`the table says ${network.table.shard(client.key)}`)
    if (owners[0]?.connections.get(client.key)?.isReading !== true) found.push(`${client.key} is not read`)
  }
  for (const shard of living) {
    const { connections, moves, assigned, index } = shard
    if (assigned !== network.clients.filter((each) => each.isOpen && each.isOn(shard)).length)
      found.push(`${assigned} are assigned to ${index}`)
    for (const { key } of network.clients) {
      if (moves.destinationOf(key) !== undefined) found.push(`${index} has a destination of ${key}`)
      if (!connections.has(key) && moves.defer(MAIN, key, () => {})) found.push(`${index} still awaits ${key}`)
    }
    for (const other of network.shards) {
      if (moves.isDestination(other.index)) found.push(`${index} believes that some move to ${other.index}`)
    }
  }
  return found
}

function sorted(record: Record<string, unknown>): unknown {
  return Object.fromEntries(Object.entries(record).sort(([one], [other]) => one.localeCompare(other)))
}

async function holds(acts: fc.Arbitrary<Act>, isMeshed: boolean, isChatty = false): Promise<void> {
  const property = fc.asyncProperty(fc.array(acts, { minLength: 30, maxLength: 150, size: 'max' }), async (list) => {
    const found = faults(await play(list, isMeshed, isChatty))
    if (found.length > 0) throw new Error(found.join('\n'))
  })
  // Shrinking would take minutes.
  await fc.assert(property, { numRuns: RUNS, endOnFailure: true })
}

t.test('everybody gets everything once, in the order of each publisher: main publishes', () =>
  holds(weighted(TRAFFIC), false),
)

t.test('the same with publishers in every shard', () => holds(weighted(TRAFFIC), true))

t.test('the same while connections end', () => holds(weighted([...TRAFFIC, ['end', 1]]), true))

t.test('the same when the handler speaks while it is detached', () => holds(weighted(TRAFFIC), true, true))

t.test('the same while shards come', () => holds(weighted([...TRAFFIC, ['create', 1]]), true))

t.test('the same for whose shard lives, while shards die', () =>
  holds(weighted([...TRAFFIC, ['kill', 1], ['create', 1]]), true),
)
