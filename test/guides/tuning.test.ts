/** docs/guides/tuning.md: the code runs, and the options that it names exist. */
import t from 'tap'
import { OPTION_NAMES, resolveOptions } from '../../src/main/resolve-options.ts'
import { startDocumentedExample } from '../fixtures/documented-example.ts'
import { Guide } from '../fixtures/guide.ts'

const guide = new Guide('tuning')

t.test('every block is run here', async (t) => {
  t.same(Object.keys(guide.files), ['measure.js', 'many.js'])
  for (const file of Object.keys(guide.files)) t.ok((await startDocumentedExample(t, file, guide.files)) > 0, file)
})

t.test('the defaults that it names', async (t) => {
  const { shard } = resolveOptions()
  const MIB = 1024 ** 2
  t.match(guide.text, `\`maxBackpressure\` (${shard.maxBackpressure / MIB} MiB)`)
  t.match(guide.text, `\`maxShardBackpressure\` (${shard.maxShardBackpressure / MIB} MiB)`)
  t.match(guide.text, `\`maxUnprocessedBytes\` (${shard.maxUnprocessedBytes / MIB} MiB)`)
  t.match(guide.text, `\`compressThreshold\` (${shard.compressThreshold})`)
  t.match(guide.text, `\`messageTimeoutMs\` (${shard.messageTimeoutMs / 1000} s)`)
  const others = ['coalesceMs', 'drainMs', 'mainLagMs', 'maxDedicatedContexts']
  for (const [, name = ''] of guide.text.matchAll(/`(max[A-Z]\w+|\w+Ms)`/g)) {
    t.ok([...OPTION_NAMES, ...others].includes(name), name)
  }
})
