import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { moduleFile } from './module-file.ts'
import type { ProfileOptions } from './options.ts'

/** For the start of the server and the analysis, which takes longer than the load. */
const GRACE_MS = 120_000

const OUTPUT = '.clinic'
const TOOLS = { doctor: 'doctor', flame: 'flame', heap: 'heapprofiler' } as const

/**
 * Clinic sees the main thread only, so `shards: 0` runs the code of a shard there. It leaves an HTML page in `.clinic`.
 * Without NO_INSIGHT it would ask a question, get no answer, and end without a word.
 */
export async function runClinic({ tool, work, seconds }: ProfileOptions): Promise<void> {
  if (tool === 'shards') throw new Error('clinic sees no shards')
  mkdirSync(OUTPUT, { recursive: true })
  const clinic = createRequire(import.meta.url).resolve('clinic/bin.js')
  // Clinic gives this to a shell.
  const onPort = `"${process.execPath}" "${moduleFile('load')}" $PORT ${work.name} ${seconds}`
  const args = [clinic, TOOLS[tool], '--open=false', `--dest=${OUTPUT}`, '--on-port', onPort, '--']
  const child = spawn(process.execPath, [...args, process.execPath, moduleFile('server')], {
    stdio: 'inherit',
    env: { ...process.env, NO_INSIGHT: '1', NO_UPDATE_NOTIFIER: '1', NODE_OPTIONS: '' },
  })
  const deadline = setTimeout(() => child.kill('SIGKILL'), seconds * 1000 + GRACE_MS)
  const [code, signal] = await once(child, 'exit')
  clearTimeout(deadline)
  if (code !== 0) throw new Error(`clinic ended with ${signal ?? `code ${code}`}`)
}
