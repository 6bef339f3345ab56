import { planFrames } from './frame-grammar.ts'
import { Random } from './random.ts'
import { planPipelined, planRequest, planSpoiltRequest, type RequestPlan } from './request-grammar.ts'
import { SERVER_NAMES } from './servers.ts'
import { NO_ANSWER, type Session } from './session.ts'

/** More single writes cost time and find nothing. */
const MOST_WRITES = 60

/** The session of that number; it depends on nothing else. */
export function generateSession(seed: string, index: number): Session {
  const name = `${seed}:${index}`
  const random = new Random(name)
  const server = random.pick(SERVER_NAMES)
  const [plan, isClear] = planHandshake(random)
  const frames = planFrames(random)
  const waits = isClear && random.oneIn(2)
  // Only FIN ends a request that is not complete.
  const ending = isClear
    ? random.weighted([
        [7, 'stay'],
        [2, 'end'],
        [1, 'reset'],
      ] as const)
    : 'end'
  const pause = random.oneIn(8) ? { pause: { before: random.below(4), turns: random.between(1, 30) } } : {}
  return {
    name,
    server,
    request: plan.request,
    statuses: plan.statuses,
    frames: [{ hex: frames.toString('hex') }],
    waits,
    writes: planWrites(random, plan.request.length, plan.request.length + frames.length),
    ...pause,
    ending,
  }
}

/** Also whether the request ends where it should. */
function planHandshake(random: Random): [RequestPlan, boolean] {
  const kind = random.weighted([
    [90, 'structure'],
    [6, 'bytes'],
    [2, 'pipelined'],
    [2, 'truncated'],
  ] as const)
  if (kind === 'bytes') return [planSpoiltRequest(random), false]
  if (kind === 'pipelined') return [planPipelined(random), true]
  const plan = planRequest(random)
  if (kind === 'structure') return [plan, !plan.statuses.includes(NO_ANSWER)]
  const request = plan.request.slice(0, random.below(plan.request.length))
  return [{ request, statuses: [400, 405, 408, 414, 426, 431, NO_ANSWER] }, false]
}

function planWrites(random: Random, request: number, total: number): number[] {
  switch (
    random.weighted([
      [4, 'one'],
      [2, 'two'],
      [3, 'any'],
      [2, 'bytes'],
      [1, 'frames by byte'],
    ] as const)
  ) {
    case 'one':
      return []
    case 'two':
      return [random.below(total + 1)]
    case 'any':
      return random.times(random.between(2, 20), () => 1 + random.below(Math.ceil(total / 8)))
    case 'bytes':
      return Array<number>(MOST_WRITES).fill(1)
    case 'frames by byte':
      return [request, ...Array<number>(MOST_WRITES).fill(1)]
  }
}
