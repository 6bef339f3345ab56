import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const RUN = fileURLToPath(new URL('../../../bench/profile/run.js', import.meta.url))

async function profile(cwd: string, ...args: readonly string[]): Promise<string> {
  // tap adds its preloads to the NODE_OPTIONS of every child, and they start threads of their own.
  const command = ['-u', 'NODE_OPTIONS', process.execPath, RUN, ...args]
  return (await promisify(execFile)('env', command, { cwd })).stdout
}

t.test('shards: a profile of each thread, and what took their time', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'shardws-profile-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const printed = await profile(folder, 'shards', '--seconds', '1', '--top', '3', '--work', 'echo-64-1')
  t.match(printed, /^echo 64 B, 1 in flight: \d+ messages a second\n/)
  for (const thread of ['main', 'thread \\d+']) {
    const table = `\\n${thread}: at work \\d+ % of \\d+\\.\\d s\\nself ms \\| of its work \\| function \\| where\\n(?:\\d+ \\| \\d+\\.\\d % \\| .+ \\| .*\\n){3}`
    t.match(printed, new RegExp(table))
  }
  const [, kept = ''] = /\n(\S+): for speedscope/.exec(printed) ?? []
  t.equal(readdirSync(join(folder, kept)).length, 2)
})

t.test('mistakes are named', async (t) => {
  const folder = t.testdir()
  for (const [args, message] of [
    [['fire'], /the tool must be one of doctor, flame, heap, shards/],
    [['shards', '--seconds', '0'], /--seconds must be a whole number from 1 to 120, not '0'/],
    [['shards', '--work', 'idle-memory'], /no 'idle-memory'; there are echo-64-1/],
    [['shards', '--handler', 'both'], /--handler must be main or shard/],
  ] as const) {
    await t.rejects(profile(folder, ...args), { code: 2, stderr: message })
  }
  t.notOk(existsSync(join(folder, '.clinic')))
})
