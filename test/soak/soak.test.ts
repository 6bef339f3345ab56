/** One short round of the soak on a sound engine: `npm run soak` plays longer ones. */
import t from 'tap'
import { Random } from '../fuzz/random.ts'
import { planChaos } from './chaos.ts'
import { parseOptions } from './options.ts'
import { examplesOf, markdown, totalsOf, violationsOf } from './report.ts'
import { FULL, SHORT } from './scenario.ts'
import { type RoundReport, Soak } from './soak.ts'

/** One whose plan begins with what others would leave to chance: hostile clients, and no descriptors. */
const SEED = 'nothing-lost-3359'

t.test(
  'rows 14, 15, 28 and 35: nothing is lost while shards die, move and come back',
  { timeout: 180_000 },
  async (t) => {
    const report = await new Soak({ scenario: SHORT, seed: SEED, durationMs: SHORT.roundMs }).run()
    t.comment(markdown(report))
    t.same(violationsOf(report), {}, examplesOf(report).join('\n'))
    const { expected, received, dropped, endedMembers, endedPublishers } = totalsOf(report)
    t.equal(received + dropped + endedMembers + endedPublishers, expected, 'the sum of what has become of everything')
    t.ok(received > 1000 && endedMembers > 0, 'enough has happened')
    const { attack, shortages } = report.rounds[0] as RoundReport
    t.ok(attack.opened > 10, 'hostile clients were let in')
    t.ok(shortages.length > 0 || 'no-descriptors' in report.leftOut, 'and for a time nobody could be')
  },
)

t.test('the same seed gives the same misfortunes', async (t) => {
  const plan = (seed: string) => planChaos(new Random(seed), { ...FULL, roundMs: 120_000 })
  t.same(plan('a'), plan('a'))
  t.notSame(plan('a'), plan('b'))
  t.equal(new Set(plan('a').map(({ misfortune }) => misfortune.name)).size, 19, 'every kind comes up')
})

t.test('the command line', async (t) => {
  t.equal(parseOptions(['--help']), null)
  t.match(parseOptions(['--minutes', '2', '--seed', 's', '--save']), { durationMs: 120_000, seed: 's', isSaved: true })
  t.match(parseOptions(['--seconds', '5', '--mutant', 'skip']), { durationMs: 5000, mutant: 'skip', isSaved: false })
  for (const args of [['--minutes', '0'], ['--clients', '0'], ['--seed', 'a:b'], ['--mutant', 'x'], ['--unknown']]) {
    t.throws(() => parseOptions(args), args.join(' '))
  }
})
