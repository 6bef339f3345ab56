import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { moduleFile } from './module-file.ts'
import type { ProfileOptions } from './options.ts'
import { type CpuProfile, selfTimes } from './self-time.ts'

/** For what is not the load: to start, to end, to write the profiles. */
const GRACE_MS = 30_000
const OUTPUT = '.clinic'
const ROOT = new URL('../../', import.meta.url).href

/** One CPU profile of every thread, and the functions of each that took the most time. */
export async function profileThreads({ work, seconds, shards, handler, top }: ProfileOptions): Promise<void> {
  mkdirSync(OUTPUT, { recursive: true })
  const folder = mkdtempSync(join(OUTPUT, 'threads-'))
  const ofMain = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=200']
  const server = start([
    ...ofMain,
    moduleFile('server'),
    `--shards=${shards}`,
    `--handler=${handler}`,
    `--profiles=${folder}`,
  ])
  const deadline = setTimeout(() => server.kill('SIGKILL'), seconds * 1000 + GRACE_MS)
  const port = await firstLine(server)
  const load = start([moduleFile('load'), port, work.name, `${seconds}`])
  console.log(await firstLine(load))
  server.kill('SIGINT')
  await once(server, 'exit')
  clearTimeout(deadline)
  report(folder, top)
}

function report(folder: string, top: number): void {
  for (const file of readdirSync(folder).sort((one, other) => threadOf(one) - threadOf(other))) {
    const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile
    const { functions, busyMs, idleMs } = selfTimes(profile, ROOT)
    const thread = threadOf(file)
    const share = ((100 * busyMs) / (busyMs + idleMs)).toFixed(0)
    console.log(
      `\n${thread === 0 ? 'main' : `thread ${thread}`}: at work ${share} % of ${((busyMs + idleMs) / 1000).toFixed(1)} s`,
    )
    console.log('self ms | of its work | function | where')
    for (const { name, place, selfMs } of functions.slice(0, top)) {
      console.log(`${selfMs.toFixed(0)} | ${((100 * selfMs) / busyMs).toFixed(1)} % | ${name} | ${place}`)
    }
  }
  console.log(`\n${folder}: for speedscope or the DevTools of a browser`)
}

/** `CPU.<date>.<time>.<process>.<thread>.<number>.cpuprofile`; the main thread is 0. */
function threadOf(file: string): number {
  return Number(file.split('.').at(-3))
}

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no stdout')
  const lines = createInterface({ input: child.stdout })
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('it has ended'))),
  ])
  return line
}
