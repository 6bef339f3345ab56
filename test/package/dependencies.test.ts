import { readFileSync } from 'node:fs'
import t from 'tap'
import { REPOSITORY } from '../fixtures/repository.ts'

interface Locked {
  readonly version: string
  readonly integrity?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly peer?: boolean
  readonly hasInstallScript?: boolean
}

const read = (name: string) => JSON.parse(readFileSync(new URL(name, REPOSITORY), 'utf8'))
const manifest = read('package.json')
const locked: Readonly<Record<string, Locked>> = read('package-lock.json').packages

t.test('AU24: few runtime dependencies, each of one version, and no script runs when users install', async (t) => {
  t.same(Object.keys(manifest.dependencies).sort(), ['find-my-way', 'msgpackr', 'piscina'])
  for (const [name, version] of Object.entries<string>(manifest.dependencies)) {
    t.match(version, /^\d+\.\d+\.\d+$/, `${name} is pinned`)
    t.equal(locked[`node_modules/${name}`]?.version, version, `${name} is locked to the same`)
  }
  // `prepare` and `prepack` run in a clone and for `npm pack`, not where the package is installed.
  for (const name of ['preinstall', 'install', 'postinstall']) t.notOk(name in manifest.scripts, name)
  t.notOk('bundleDependencies' in manifest || 'optionalDependencies' in manifest)
})

t.test(
  'what they bring along is locked by its content; only an optional package has a script of its own',
  async (t) => {
    const runtime = Object.entries(locked).filter(([path, { dev, peer }]) => path !== '' && !dev && !peer)
    t.ok(runtime.length > 3)
    t.same(
      runtime
        .filter(([, { integrity, optional }]) => !optional && !integrity?.startsWith('sha512-'))
        .map(([path]) => path),
      [],
    )
    // A faster decoder of strings for msgpackr, which does without where the script may not run.
    const scripted = runtime.filter(([, { hasInstallScript }]) => hasInstallScript)
    t.match(scripted, [['node_modules/msgpackr-extract', { optional: true }]])
    t.equal(scripted.length, 1)
  },
)
