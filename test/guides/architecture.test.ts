/** docs/architecture.md: the files that it names are there, and the figures are those of the code. */
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { COMMAND_WINDOW_MESSAGES, EVENT_WINDOW } from '../../src/shared/credit.ts'
import { MemoryPressure } from '../../src/shared/memory-pressure.ts'
import { REPOSITORY } from '../fixtures/repository.ts'

const page = readFileSync(new URL('docs/architecture.md', REPOSITORY), 'utf8')

t.test('every file that it names is there', async (t) => {
  const paths = [...page.matchAll(/`((?:src|workers|test)\/[\w./-]*)`/g)].map(([, path]) => path as string)
  t.ok(paths.length > 40, `${paths.length} files`)
  for (const path of paths) t.ok(existsSync(new URL(path, REPOSITORY)), path)
})

t.test('the windows of links and the steps of memory', async (t) => {
  t.match(page, `${EVENT_WINDOW.messages} messages or ${EVENT_WINDOW.bytes / 1024 ** 2} MiB`)
  t.match(page, `${COMMAND_WINDOW_MESSAGES.toLocaleString('en')} messages or \`maxShardBackpressure\``)
  const { NO_PLACEMENT, SHED, RECYCLE } = MemoryPressure
  t.match(
    page,
    `${100 * NO_PLACEMENT} % nobody new, ${100 * SHED} % the longest queue goes, ${100 * RECYCLE} % everybody moves`,
  )
})
