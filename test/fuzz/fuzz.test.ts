import t, { type Test } from 'tap'
import { Campaign, tell } from './campaign.ts'
import { generateSession } from './generate.ts'
import { newSeed, parseOptions } from './options.ts'
import { readCorpus, type Session } from './session.ts'

const SHARDS = 2
/** The same on every run. */
const FIXED_SEED = 'rfc6455'
const FIXED_SESSIONS = 600
/** New on every run, and printed. */
const RANDOM_SESSIONS = 400

const corpus = readCorpus()
const seed = newSeed()
const campaign = await Campaign.start(SHARDS)

t.test('row 15: no session of the corpus breaks a server', async (t) => {
  t.ok(corpus.length >= 20, `${corpus.length} sessions`)
  // Once more with the shard on the main thread, where other code takes the socket.
  const onMain = corpus.map((session) => ({ ...session, server: 'mainDedicated' as const }))
  await plays(t, [...corpus, ...onMain.filter(({ statuses }) => statuses.includes(101))])
})

t.test(`row 15: ${FIXED_SESSIONS} sessions of the seed ${FIXED_SEED}`, async (t) => {
  await plays(t, generated(FIXED_SEED, FIXED_SESSIONS))
})

t.test(`row 15: ${RANDOM_SESSIONS} sessions of the random seed ${seed}`, async (t) => {
  await plays(t, generated(seed, RANDOM_SESSIONS))
})

t.test('row 71: the server process ends by itself', async (t) => {
  const found = campaign.findings.length
  await campaign.stop()
  t.same(campaign.findings.slice(found), [])
})

t.test('the same seed and number give the same session', async (t) => {
  t.same(generateSession('a', 7), generateSession('a', 7))
  t.notSame(generateSession('a', 7), generateSession('a', 8))
  t.notSame(generateSession('a', 7), generateSession('b', 7))
})

t.test('the command line', async (t) => {
  t.equal(parseOptions(['--help']), null)
  t.match(parseOptions(['--seed', 's', '--session', '7-9', '--shards', '3']), {
    seed: 's',
    sessions: [7, 9],
    shards: 3,
  })
  for (const args of [['--minutes', '0'], ['--shards', '0'], ['--session', 'x'], ['--seed', 'a:b'], ['--unknown']]) {
    t.throws(() => parseOptions(args), args.join(' '))
  }
})

function generated(seed: string, count: number): Session[] {
  return Array.from({ length: count }, (_, index) => generateSession(seed, index))
}

async function plays(t: Test, sessions: readonly Session[]): Promise<void> {
  const [played, found] = [campaign.tally.sessions, campaign.findings.length]
  await campaign.run(sessions)
  t.equal(campaign.tally.sessions - played, sessions.length)
  for (const finding of campaign.findings.slice(found)) t.fail(tell(finding, sessions, false))
}
