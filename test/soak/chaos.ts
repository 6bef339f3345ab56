import type { Random } from '../fuzz/random.ts'
import type { Scenario } from './scenario.ts'

/** How a shard ends: `loop` never ends by itself, so that the watchdog must see to it. */
export type Kill = 'exit' | 'reject' | 'loop'

const KILLS: readonly Kill[] = ['exit', 'reject', 'loop']

/** `pick` chooses among the shards or processes that there are when the time has come. */
export type Misfortune =
  | { readonly name: 'kill'; readonly how: Kill; readonly pick: number }
  /** While connections move. */
  | { readonly name: 'kill-in-move'; readonly move: 'reload' | 'rebalance'; readonly how: Kill; readonly pick: number }
  /** An error that nobody catches: everybody moves to a fresh shard. */
  | { readonly name: 'evacuate'; readonly pick: number }
  | { readonly name: 'reload' }
  | { readonly name: 'resize'; readonly shards: number }
  | { readonly name: 'rebalance' }
  | { readonly name: 'reset'; readonly count: number }
  | { readonly name: 'kill-clients'; readonly pick: number }
  | { readonly name: 'block-main'; readonly ms: number }
  | { readonly name: 'slow-readers'; readonly count: number; readonly messages: number }
  | { readonly name: 'reconnect' }
  /** SIGSTOP, and SIGCONT so much later. */
  | { readonly name: 'pause-clients'; readonly pick: number; readonly ms: number }
  /** What follows happens to those behind the bad network: no byte passes; bytes are late, slow and in pieces; ends. */
  | { readonly name: 'stall'; readonly ms: number }
  | { readonly name: 'storm'; readonly ms: number }
  | { readonly name: 'break'; readonly count: number }
  | { readonly name: 'half-close'; readonly count: number }
  /** For so long the server's process may open so many descriptors more, and no others. */
  | { readonly name: 'no-descriptors'; readonly ms: number; readonly spare: number }
  | { readonly name: 'hostile'; readonly sessions: number }
  /** While connections move, those of the hostile too. */
  | { readonly name: 'hostile-in-move'; readonly move: 'reload' | 'rebalance'; readonly sessions: number }

type ChaosScenario = Pick<Scenario, 'roundMs' | 'chaosEveryMs' | 'shards' | 'hasMoves' | 'only'>

export interface Action {
  /** From the beginning of the round. */
  readonly atMs: number
  readonly misfortune: Misfortune
}

/** What happens in one round: all kinds in random order, then all of them again. The same random source gives the same plan. */
export function planChaos(random: Random, { roundMs, chaosEveryMs, shards, hasMoves, only }: ChaosScenario): Action[] {
  const [least, most] = [Math.ceil(chaosEveryMs * 0.7), Math.ceil(chaosEveryMs * 1.3)]
  const actions: Action[] = []
  let deck: Misfortune[] = []
  for (let atMs = chaosEveryMs; atMs < roundMs; atMs += random.between(least, most)) {
    if (deck.length === 0) {
      const all = [...freshDeck(random), ...(hasMoves ? moves(random, shards) : [])]
      deck = random.shuffled(only === undefined ? all : all.filter(({ name }) => only.includes(name)))
    }
    actions.push({ atMs, misfortune: deck.pop() as Misfortune })
  }
  return actions
}

export function describeAction({ name, ...details }: Misfortune): string {
  return [name, ...Object.entries(details).map(([key, value]) => `${key} ${value}`)].join(' ')
}

function freshDeck(random: Random): Misfortune[] {
  return [
    ...KILLS.map((how): Misfortune => ({ name: 'kill', how, pick: pick(random) })),
    { name: 'reset', count: random.between(5, 20) },
    { name: 'kill-clients', pick: pick(random) },
    { name: 'block-main', ms: 2000 },
    { name: 'slow-readers', count: 3, messages: 320 },
    { name: 'reconnect' },
    { name: 'pause-clients', pick: pick(random), ms: 1500 },
    { name: 'stall', ms: 1000 },
    { name: 'storm', ms: 1000 },
    { name: 'break', count: random.between(1, 4) },
    { name: 'half-close', count: random.between(1, 4) },
    { name: 'no-descriptors', ms: random.between(1000, 3000), spare: random.below(3) },
    { name: 'hostile', sessions: random.between(50, 150) },
  ]
}

function moves(random: Random, shards: number): Misfortune[] {
  const move = random.pick(['reload', 'rebalance'] as const)
  return [
    { name: 'kill-in-move', move, how: random.pick(KILLS), pick: pick(random) },
    { name: 'hostile-in-move', move, sessions: random.between(50, 150) },
    { name: 'evacuate', pick: pick(random) },
    { name: 'reload' },
    { name: 'reload' },
    { name: 'resize', shards: random.between(2, shards + 2) },
    { name: 'resize', shards: random.between(2, shards + 2) },
    { name: 'rebalance' },
    { name: 'rebalance' },
  ]
}

function pick(random: Random): number {
  return random.below(1000)
}
