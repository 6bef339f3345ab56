/** The soak is worth what its checker finds: every defect of an engine in `mutants.ts` must turn it red. */
import t from 'tap'
import { MUTANTS, type Mutant } from './mutants.ts'
import { violationsOf } from './report.ts'
import { TINY } from './scenario.ts'
import { Soak } from './soak.ts'

/** What each defect must be called. */
const NAMES: Readonly<Record<Mutant, RegExp>> = {
  skip: /lost/,
  twice: /duplicate/,
  swap: /order/,
  flip: /damaged/,
  'wrong-room': /stranger/,
  'forgotten-leave': /stranger/,
  'forgotten-join': /lost/,
  ghost: /at rest/,
  'cut-in-move': /disturbed|control/,
  impatient: /disturbed/,
  silent: /hostile/,
  'needs-descriptor': /server/,
}

/** Those that only one misfortune brings to light. */
const ONLY: Partial<Record<Mutant, string>> = {
  impatient: 'pause-clients',
  'cut-in-move': 'reload',
  silent: 'hostile',
  'needs-descriptor': 'no-descriptors',
}

t.jobs = 3

for (const [mutant, defect] of Object.entries(MUTANTS)) {
  t.test(`${mutant}: ${defect}`, { timeout: 60_000 }, async (t) => {
    const only = ONLY[mutant as Mutant]
    const scenario = { ...TINY, ...(only !== undefined && { only: [only] }) }
    const soak = new Soak({ scenario, seed: 'mutants', durationMs: TINY.roundMs, mutant: mutant as Mutant })
    const wrong = violationsOf(await soak.run())
    t.match(Object.keys(wrong).join(', '), NAMES[mutant as Mutant], JSON.stringify(wrong))
  })
}
