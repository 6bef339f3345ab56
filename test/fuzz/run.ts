import { readOptions } from '../../scripts/read-options.ts'
import { BATCH, Campaign, type Tally, tell } from './campaign.ts'
import { generateSession } from './generate.ts'
import { type FuzzOptions, parseOptions, USAGE } from './options.ts'
import { readCorpus, type Session } from './session.ts'

const PROGRESS_MS = 5000

const options = readOptions(parseOptions, USAGE)
if (options !== null) await fuzz(options)

async function fuzz(given: FuzzOptions): Promise<void> {
  say(`seed ${given.seed}, Node ${process.versions.node}, ${given.shards} shards`)
  const startMs = performance.now()
  const campaign = await Campaign.start(given.shards)
  const progress = setInterval(() => say(progressOf(campaign.tally, startMs)), PROGRESS_MS)
  let told = 0
  for (const sessions of batches(given, startMs)) {
    await campaign.run(sessions)
    for (const finding of campaign.findings.slice(told)) say(tell(finding, sessions, given.sessions === null))
    told = campaign.findings.length
    if (told > 0) break
  }
  clearInterval(progress)
  await campaign.stop()
  for (const finding of campaign.findings.slice(told)) say(tell(finding, [], false))
  say(progressOf(campaign.tally, startMs))
  say(`handshakes by status: ${listed(campaign.tally.statuses)}`)
  say(`101 by close code: ${listed(campaign.tally.closeCodes)}`)
  say(campaign.findings.length === 0 ? 'nothing found' : `${campaign.findings.length} findings`)
  if (campaign.findings.length > 0) process.exitCode = 1
}

function* batches({ seed, sessions, corpus, minutes }: FuzzOptions, startMs: number): Generator<Session[]> {
  if (corpus !== null) {
    const chosen = readCorpus().filter(({ name }) => corpus === 'all' || name === `corpus/${corpus}`)
    if (chosen.length === 0) throw new Error(`--corpus: there is no test/fuzz/corpus/${corpus}`)
    yield chosen
    return
  }
  const [first, last] = sessions ?? [0, Number.POSITIVE_INFINITY]
  const endMs = sessions === null ? startMs + minutes * 60_000 : Number.POSITIVE_INFINITY
  for (let from = first; from <= last && performance.now() < endMs; from += BATCH) {
    const size = Math.min(BATCH, last - from + 1)
    yield Array.from({ length: size }, (_, index) => generateSession(seed, from + index))
  }
}

function progressOf({ sessions }: Tally, startMs: number): string {
  const seconds = (performance.now() - startMs) / 1000
  return `${seconds.toFixed(0)} s: ${sessions} sessions, ${(sessions / seconds).toFixed(0)} a second`
}

function listed(counts: ReadonlyMap<unknown, number>): string {
  const rows = [...counts].sort((one, other) => other[1] - one[1])
  return rows.map(([key, count]) => `${key}: ${count}`).join(', ')
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
