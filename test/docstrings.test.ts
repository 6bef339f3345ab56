/** What `npm run docs` and editors show: nothing that users may import is without a docstring. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { REPOSITORY } from './fixtures/repository.ts'
import { undocumentedExports } from './fixtures/undocumented.ts'

const { exports } = JSON.parse(readFileSync(new URL('package.json', REPOSITORY), 'utf8')) as {
  exports: Record<string, { types?: string }>
}

/** The sources of all entry points. */
const modules = Object.values(exports).flatMap(({ types }) =>
  types === undefined ? [] : [types.replace('./dist/', '').replace('.d.ts', '.ts')],
)

t.test('every exported name and member has a docstring', async (t) => {
  t.ok(modules.includes('src/index.ts') && modules.length >= 8)
  t.same(undocumentedExports(modules), [])
})

t.test('one without is found', async (t) => {
  t.same(undocumentedExports(['test/fixtures/undocumented-samples.ts']), [
    'Bare',
    'Documented.method',
    'Documented.property',
    'bare',
  ])
})
