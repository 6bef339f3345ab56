import t from 'tap'
import { runCommand, startServe } from '../fixtures/command-process.ts'

t.test('one line and 1 for what cannot be served', async (t) => {
  const folder = t.testdir({ 'broken.mjs': 'throw new Error("no\\nway")', 'empty.mjs': '', 'a.ts': '' })
  const { url } = await startServe(t)
  const cases: (readonly [string[], RegExp])[] = [
    [['broken.mjs'], /broken\.mjs could not be loaded: Error: no\\u\{a\}way/],
    [['empty.mjs'], /empty\.mjs could not be loaded: .*default export is no handler/],
    [['--port', new URL(url).port], /the port is taken; choose another one with --port/],
    [['--host', '192.0.2.1'], /this machine has no such address; see --host/],
  ]
  const canRunTypeScript = 'typescript' in process.features && process.features.typescript
  if (!canRunTypeScript) cases.push([['a.ts'], /handler a\.ts: this Node runs no TypeScript; compile it/])
  for (const [args, message] of cases) {
    const given = ['serve', '--port', '0', '--shards', '1', ...args]
    const { exit, stdout, stderr } = await runCommand(t, given, { cwd: folder })
    t.same([exit, stdout], [1, ''], args.join(' '))
    t.match(
      stderr.split('\n').filter((line) => line.startsWith('shardws: ')),
      [message],
    )
    t.notMatch(stderr, /\n\s+at /, 'no stack')
  }
})
