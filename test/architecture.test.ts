import t from 'tap'
import * as content from './fixtures/architecture/content-rules.ts'
import * as imports from './fixtures/architecture/import-rules.ts'
import { parseTree, readTree, type SourceTree } from './fixtures/architecture/source-tree.ts'
import { REPOSITORY } from './fixtures/repository.ts'

interface Rule {
  readonly name: string
  readonly check: (tree: SourceTree, exceptions: imports.Reasons) => string[]
  /** Files that may break the rule, each with its reason. */
  readonly exceptions?: imports.Reasons
  /** Trees that break the rule, each with the one place that must be reported. */
  readonly broken: readonly (readonly [texts: Record<string, string>, place: string])[]
}

/** What only one side reaches. The test reports an entry that is no longer needed. */
const ONE_SIDED: imports.Reasons = {
  'src/shared/handoff/probe.ts': 'main asks what this Node can do; the strategies it chooses from are shared',
}

const shared = { 'workers/shard.ts': `import '../src/shared/a.ts'`, 'src/shared/a.ts': 'export const A = 1' }
const manyLines = (count: number) => 'export {}\n'.repeat(count)

const RULES: readonly Rule[] = [
  {
    name: 'imports point down the layers',
    check: imports.checkArrows,
    broken: [
      [{ 'src/main/a.ts': `\nimport '../../workers/b.ts'`, 'workers/b.ts': '' }, 'src/main/a.ts:2'],
      [{ 'workers/a.ts': `import type { B } from '../src/main/b.ts'`, 'src/main/b.ts': '' }, 'workers/a.ts:1'],
      [{ 'src/main/a.ts': `export * from '../facades/b.ts'`, 'src/facades/b.ts': '' }, 'src/main/a.ts:1'],
      [{ 'src/shared/a.ts': `await import('../main/b.ts')`, 'src/main/b.ts': '' }, 'src/shared/a.ts:1'],
      [
        { 'src/shared/a.ts': `type B = import('./handoff/b.ts').B`, 'src/shared/handoff/b.ts': '' },
        'src/shared/a.ts:1',
      ],
      [{ 'src/shared/protocol/a.ts': `import '../b.ts'`, 'src/shared/b.ts': '' }, 'src/shared/protocol/a.ts:1'],
      [{ 'src/shared/errors.ts': `import './b.ts'`, 'src/shared/b.ts': '' }, 'src/shared/errors.ts:1'],
      [{ 'src/facades/a.ts': `import '../adapters/b.ts'`, 'src/adapters/b.ts': '' }, 'src/facades/a.ts:1'],
      [{ 'src/metrics/a.ts': `import '../cli/b.ts'`, 'src/cli/b.ts': '' }, 'src/metrics/a.ts:1'],
      [{ 'src/client/a.ts': `import '../main/b.ts'`, 'src/main/b.ts': '' }, 'src/client/a.ts:1'],
      [{ 'src/main/a.ts': `import '../index.ts'`, 'src/index.ts': '' }, 'src/main/a.ts:1'],
      [{ 'src/main/a.ts': `import '../../test/b.ts'` }, 'src/main/a.ts:1'],
      [{ 'src/main/a.ts': `import './b.js'`, 'src/main/b.ts': '' }, 'src/main/a.ts:1'],
      [{ 'src/drawer/a.ts': `import './b.ts'`, 'src/drawer/b.ts': '' }, 'src/drawer/a.ts:1'],
    ],
  },
  {
    name: 'row 3: no socket is made of a descriptor number',
    check: content.checkDescriptorNumbers,
    broken: [
      [{ 'src/main/a.ts': '\nnew Socket({ fd: 5 })' }, 'src/main/a.ts:2'],
      [{ 'workers/a.ts': 'take({ fd })' }, 'workers/a.ts:1'],
      [{ 'src/shared/handoff/a.ts': `listen({ 'fd': 5 })` }, 'src/shared/handoff/a.ts:1'],
    ],
  },
  {
    name: 'only a shard loads a module it does not know by name',
    check: imports.checkComputedImports,
    exceptions: { 'src/main/shard-thread.ts': '`shards: 0` runs the module of the shard on the main thread' },
    broken: [[{ 'src/main/a.ts': 'await import(url)', 'workers/b.ts': 'await import(url)' }, 'src/main/a.ts:1']],
  },
  {
    name: 'protocol code is sans-I/O',
    check: imports.checkProtocolIsSansIo,
    broken: [[{ 'src/shared/protocol/a.ts': `import { Duplex } from 'node:stream'` }, 'src/shared/protocol/a.ts:1']],
  },
  {
    name: 'there is no import cycle',
    check: imports.checkCycles,
    broken: [
      [
        {
          'src/main/a.ts': `import './b.ts'`,
          'src/main/b.ts': `import type { C } from './c.ts'`,
          'src/main/c.ts': `export * from './b.ts'`,
        },
        'src/main/c.ts:1',
      ],
      [{ 'src/main/a.ts': `import './a.ts'` }, 'src/main/a.ts:1'],
    ],
  },
  {
    name: 'src/shared is reached from both sides',
    check: imports.checkSharedIsShared,
    exceptions: ONE_SIDED,
    broken: [
      [shared, 'src/shared/a.ts:1'],
      [{ 'src/main/b.ts': `import '../shared/a.ts'`, 'src/shared/a.ts': '' }, 'src/shared/a.ts:1'],
    ],
  },
  {
    name: '_handle stays in the hand-off',
    check: content.checkHandles,
    exceptions: { 'workers/zlib-handle.ts': "zlib's handle, not a socket's: it too is known to one file only" },
    broken: [
      [{ 'src/main/a.ts': '// _handle\nsocket._handle.close()' }, 'src/main/a.ts:2'],
      [{ 'workers/a.ts': `socket['_handle']` }, 'workers/a.ts:1'],
      [{ 'workers/a.ts': 'const { _handle } = socket' }, 'workers/a.ts:1'],
    ],
  },
  {
    name: 'row 58: no deadline reads the wall clock',
    check: content.checkWallClock,
    broken: [
      [{ 'src/main/a.ts': 'const a = Date.now()' }, 'src/main/a.ts:1'],
      [{ 'workers/a.ts': 'const a = new Date()' }, 'workers/a.ts:1'],
    ],
  },
  {
    name: 'nothing writes to the console',
    check: content.checkConsole,
    broken: [[{ 'src/main/a.ts': 'object.console()\nconsole.log(1)' }, 'src/main/a.ts:2']],
  },
  {
    name: 'no file guesses its thread',
    check: content.checkThreadGuessing,
    broken: [
      [{ 'workers/a.ts': `import { parentPort } from 'node:worker_threads'` }, 'workers/a.ts:1'],
      [{ 'src/shared/a.ts': 'threads.isMainThread' }, 'src/shared/a.ts:1'],
    ],
  },
  {
    name: 'there is no default export',
    check: content.checkDefaultExports,
    broken: [
      [
        {
          'src/main/a.ts': 'export default 1',
          'workers/shard.ts': 'export default 1',
          'workers/a.handler.ts': 'export default 1',
        },
        'src/main/a.ts:1',
      ],
      [{ 'src/main/a.ts': 'export default function f() {}' }, 'src/main/a.ts:1'],
      [{ 'src/main/a.ts': 'const a = 1\nexport { a as default }' }, 'src/main/a.ts:2'],
    ],
  },
  {
    name: 'there is no barrel',
    check: content.checkBarrels,
    broken: [
      [{ 'src/main/a.ts': `export * from './b.ts'`, 'src/index.ts': `export * from './b.ts'` }, 'src/main/a.ts:1'],
    ],
  },
  {
    name: 'no file is longer than 400 lines',
    check: content.checkLength,
    broken: [[{ 'src/main/a.ts': manyLines(400), 'src/main/b.ts': manyLines(401) }, 'src/main/b.ts:401']],
  },
  {
    name: 'nothing is left for later',
    check: content.checkLeftovers,
    broken: [
      [{ 'src/main/a.ts': '\n// TODO: more' }, 'src/main/a.ts:2'],
      [{ 'workers/a.ts': '/* FIXME */' }, 'workers/a.ts:1'],
    ],
  },
  {
    name: 'file names say something',
    check: content.checkNames,
    broken: [
      [{ 'src/main/string-utils.ts': '' }, 'src/main/string-utils.ts:1'],
      [{ 'src/main/common/a.ts': '' }, 'src/main/common/a.ts:1'],
    ],
  },
]

const sources = readTree(REPOSITORY, ['src', 'workers'])

for (const { name, check, exceptions = {}, broken } of RULES) {
  t.test(name, async (t) => {
    t.same(check(sources, exceptions), [])
    for (const [texts, place] of broken) {
      const reported = check(parseTree(texts), {})
      t.equal(reported.length, 1, `exactly one violation in ${Object.keys(texts).join(', ')}`)
      t.match(reported[0], new RegExp(`^${place}: .`))
    }
  })
}

t.test('an exception that is no longer needed is reported', async (t) => {
  const both = { ...shared, 'src/main/b.ts': `import '../shared/a.ts'` }
  t.same(imports.checkSharedIsShared(parseTree(shared), { 'src/shared/a.ts': 'one thread' }), [])
  t.match(imports.checkSharedIsShared(parseTree(both), { 'src/shared/a.ts': 'stale' }), [/^src\/shared\/a\.ts:1: /])
})
