/**
 * Runs the tests that `npm run build` has left in dist on every supported Node, one after the other, and ends
 * with one line per version. `npm run test:matrix -- 22 26 -- dist/test/options.test.js` narrows both lists:
 * versions first, then what tap is to run.
 *
 * The other Nodes come from npm's own cache. They are no devDependency, because `node_modules/.bin/node` would
 * then shadow the user's Node in every script.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const SUPPORTED = ['20', '22', '24', '26']
const TAP = fileURLToPath(new URL('../../node_modules/tap/dist/esm/run.mjs', import.meta.url))
const LAST_LINE = /^(\d+) passed, (\d+) failed.*$/

/** This process's own Node when it is the right one, else one that npm fetches and keeps in its cache. */
function nodeCommand(version: string): string[] {
  if (process.versions.node.startsWith(`${version}.`)) return []
  const npm = process.env.npm_execpath
  if (!npm) throw new Error('start this script with `npm run test:matrix`: it needs npm to get another Node')
  return [npm, 'exec', '--yes', `--package=node@${version}`, '--', 'node']
}

function runTap(version: string, tapArgs: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [...nodeCommand(version), TAP, ...tapArgs], {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

function main(): void {
  const args = process.argv.slice(2)
  const split = args.includes('--') ? args.indexOf('--') : args.length
  const versions = split > 0 ? args.slice(0, split) : SUPPORTED
  const summary = versions.map((version) => {
    console.log(`# Node ${version}`)
    const startMs = performance.now()
    const { stdout, status, error } = runTap(version, args.slice(split + 1))
    if (error) throw error
    const lastLine = stdout.trimEnd().split('\n').at(-1) ?? ''
    const hasPassed = status === 0 && LAST_LINE.exec(lastLine)?.[2] === '0'
    if (!hasPassed) {
      console.log(stdout)
      process.exitCode = 1
    }
    const seconds = Math.round((performance.now() - startMs) / 1000)
    return `Node ${version}: ${LAST_LINE.test(lastLine) ? lastLine : `no result, status ${status}`} (${seconds} s)`
  })
  console.log(summary.join('\n'))
}

main()
